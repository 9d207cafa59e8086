-- What retention has deleted of runs of tools, as they are counted (see `toolRunsSql`).
CREATE TABLE baseline_tool (
  name VARCHAR NOT NULL,
  status VARCHAR NOT NULL,
  first_seq BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  n BIGINT NOT NULL,             -- runs, each in the first version that was recorded of it
  up BIGINT NOT NULL,            -- later versions that made a run one of this name and status
  down BIGINT NOT NULL           -- later versions that made it another one
);
