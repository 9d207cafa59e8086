-- What the margin needs beside the calls: metered infrastructure, and what trace stores saw and judged. As in the big table
-- there are no keys and no NULLs: absent text is '', absent time and tokens are -1.

CREATE TABLE metered (
  seq BIGINT NOT NULL,
  recorded BIGINT NOT NULL,
  k BIGINT NOT NULL,
  k2 BIGINT NOT NULL,
  start BIGINT NOT NULL,
  day INTEGER NOT NULL,          -- local day of start
  until BIGINT NOT NULL,         -- end of the span, ms
  source VARCHAR NOT NULL,
  resource VARCHAR NOT NULL,
  service VARCHAR NOT NULL,
  meter VARCHAR NOT NULL,
  amount BIGINT NOT NULL,
  costed TINYINT NOT NULL,       -- 0: no rate is known, and cost is 0
  cost BIGINT NOT NULL
);

CREATE TABLE observation (
  seq BIGINT NOT NULL,
  recorded BIGINT NOT NULL,
  k BIGINT NOT NULL,
  k2 BIGINT NOT NULL,
  start BIGINT NOT NULL,
  day INTEGER NOT NULL,          -- local day of start
  id_k BIGINT NOT NULL,          -- hash of what stays the same when it is edited, see `observationKey`
  id_k2 BIGINT NOT NULL,
  call_k BIGINT NOT NULL,        -- hash of the key of the call's event; both halves 0 without one
  call_k2 BIGINT NOT NULL,
  source VARCHAR NOT NULL,
  project VARCHAR NOT NULL,
  id VARCHAR NOT NULL,
  what VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  duration_ms BIGINT NOT NULL,
  ttft_ms BIGINT NOT NULL,
  status VARCHAR NOT NULL,
  trace VARCHAR NOT NULL,
  session VARCHAR NOT NULL,
  customer VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  environment VARCHAR NOT NULL,
  prompt_name VARCHAR NOT NULL,
  prompt_version VARCHAR NOT NULL,
  tokens BIGINT NOT NULL,
  costed TINYINT NOT NULL,       -- 0: the store has no cost, and cost is 0
  cost BIGINT NOT NULL
);

CREATE TABLE score (
  seq BIGINT NOT NULL,
  recorded BIGINT NOT NULL,
  k BIGINT NOT NULL,
  k2 BIGINT NOT NULL,
  start BIGINT NOT NULL,         -- when it was given
  day INTEGER NOT NULL,          -- local day of that
  id_k BIGINT NOT NULL,
  id_k2 BIGINT NOT NULL,
  observation_k BIGINT NOT NULL, -- observation.id_k; both halves 0 when the whole trace is judged
  observation_k2 BIGINT NOT NULL,
  source VARCHAR NOT NULL,
  project VARCHAR NOT NULL,
  id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  numeric_value TINYINT NOT NULL, -- 0: a category, and value is 0
  value DOUBLE NOT NULL,
  category VARCHAR NOT NULL,
  trace VARCHAR NOT NULL,
  observation VARCHAR NOT NULL
);

-- What retention has deleted of `metered`.
CREATE TABLE baseline_metered (
  day INTEGER NOT NULL,
  source VARCHAR NOT NULL,
  resource VARCHAR NOT NULL,
  service VARCHAR NOT NULL,
  meter VARCHAR NOT NULL,
  first_at BIGINT NOT NULL,
  until BIGINT NOT NULL,
  amount HUGEINT NOT NULL,
  cost BIGINT NOT NULL,
  n BIGINT NOT NULL,
  unknown BIGINT NOT NULL        -- how many of them have no cost
);

-- All that was ever metered.
CREATE VIEW metered_sum AS
SELECT day, source, resource, service, meter, first_at, until, amount, cost, n, unknown FROM baseline_metered
UNION ALL
SELECT day, source, resource, service, meter, recorded, until, amount::HUGEINT, cost, 1, 1 - costed FROM metered;

-- Which event a correction corrects, by the hash of its key: in `event` itself it would cost every call two columns.
CREATE TABLE correction_of (
  seq BIGINT NOT NULL,           -- event.seq of the correction
  of_k BIGINT NOT NULL,
  of_k2 BIGINT NOT NULL
);
INSERT INTO correction_of
SELECT seq, unhex(substr(hex, 1, 16))::BIT::BIGINT, unhex(substr(hex, 17, 16))::BIT::BIGINT FROM (
  SELECT seq, CASE WHEN regexp_full_match(corrected, '#[0-9a-f]{32}') THEN substr(corrected, 2) ELSE sha256(corrected) END AS hex
  FROM (SELECT seq, extra->>'of' AS corrected FROM event WHERE kind = 1));
