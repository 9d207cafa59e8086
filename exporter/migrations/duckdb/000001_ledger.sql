-- The ledger. One sequence numbers everything; rows are only ever appended, except by retention and compaction.
-- No primary keys and no NULLs in the big table: both cost more than the events themselves. Absent text is '', absent
-- time is -1; the view `usage_event` shows them as NULL.

-- One row for each combination of names that events carry. Ids are surrogates: two rows may say the same.
CREATE TABLE name_set (
  id INTEGER NOT NULL,
  source VARCHAR NOT NULL,
  tier VARCHAR NOT NULL,
  operation VARCHAR NOT NULL,
  call_type VARCHAR NOT NULL,
  query_type VARCHAR NOT NULL,
  agent VARCHAR NOT NULL,
  model_asked VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  provider VARCHAR NOT NULL,
  environment VARCHAR NOT NULL,
  project VARCHAR NOT NULL,
  key_alias VARCHAR NOT NULL,
  prompt_name VARCHAR NOT NULL,
  prompt_version VARCHAR NOT NULL,
  status VARCHAR NOT NULL,
  basis VARCHAR NOT NULL,
  error_class VARCHAR NOT NULL,
  finish_reason VARCHAR NOT NULL,
  stream VARCHAR NOT NULL,
  cache_hit VARCHAR NOT NULL,
  context_window VARCHAR NOT NULL
);

-- Usage (kind 0) and corrections (kind 1): sums over both are net.
CREATE TABLE event (
  seq BIGINT NOT NULL,
  recorded BIGINT NOT NULL,            -- when it became durable, ms
  k BIGINT NOT NULL,             -- 128-bit hash of the idempotency key, in two halves
  k2 BIGINT NOT NULL,
  start BIGINT NOT NULL,         -- start of the call, ms
  day INTEGER NOT NULL,          -- local day of start, days since 1970-01-01
  kind TINYINT NOT NULL,
  names INTEGER NOT NULL,        -- name_set.id
  named INTEGER NOT NULL,        -- bit i: the value of bounded label i has series of its own
  customer VARCHAR NOT NULL,
  usr VARCHAR NOT NULL,
  session VARCHAR NOT NULL,
  trace VARCHAR NOT NULL,
  calls TINYINT NOT NULL,
  input INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write_5m INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  input_audio INTEGER NOT NULL,
  output_audio INTEGER NOT NULL,
  input_image INTEGER NOT NULL,
  output_image INTEGER NOT NULL,
  cost BIGINT NOT NULL,          -- nano-dollars; 0 where basis is unpriced
  saved BIGINT NOT NULL,
  duration_ms INTEGER NOT NULL,
  ttft_ms INTEGER NOT NULL,
  extra VARCHAR NOT NULL         -- JSON of what is rare
);

-- Every other kind of entry, as JSON.
CREATE TABLE entry (
  seq BIGINT NOT NULL,
  recorded BIGINT NOT NULL,
  k BIGINT NOT NULL,
  k2 BIGINT NOT NULL,
  kind VARCHAR NOT NULL,
  body VARCHAR NOT NULL
);

-- Net sums by local day, up to the number that `memory` holds as `rolled`; kept when events are deleted.
CREATE TABLE day_total (
  day INTEGER NOT NULL,
  customer VARCHAR NOT NULL,
  tier VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  provider VARCHAR NOT NULL,
  calls BIGINT NOT NULL,
  unpriced BIGINT NOT NULL,
  tokens BIGINT NOT NULL,
  cost BIGINT NOT NULL
);

-- What retention has deleted, in the grouping that the folds start from.
CREATE TABLE baseline (
  names INTEGER NOT NULL,
  named INTEGER NOT NULL,
  kind TINYINT NOT NULL,
  first_at BIGINT NOT NULL,
  calls BIGINT NOT NULL,
  input BIGINT NOT NULL,
  cache_read BIGINT NOT NULL,
  cache_write_5m BIGINT NOT NULL,
  cache_write_1h BIGINT NOT NULL,
  output BIGINT NOT NULL,
  reasoning BIGINT NOT NULL,
  input_audio BIGINT NOT NULL,
  output_audio BIGINT NOT NULL,
  input_image BIGINT NOT NULL,
  output_image BIGINT NOT NULL,
  cost BIGINT NOT NULL,
  cost_up BIGINT NOT NULL,
  saved BIGINT NOT NULL
);
CREATE TABLE baseline_customer (
  customer VARCHAR NOT NULL,     -- '' for those without series of their own
  tier VARCHAR NOT NULL,
  admitted BIGINT NOT NULL,      -- sequence number of the admission that held, 0 without one
  first_at BIGINT NOT NULL,
  calls BIGINT NOT NULL,
  cost BIGINT NOT NULL
);
CREATE TABLE baseline_histogram (
  family VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  provider VARCHAR NOT NULL,
  bucket INTEGER NOT NULL,
  first_at BIGINT NOT NULL,
  n BIGINT NOT NULL,
  total HUGEINT NOT NULL
);

-- Small things that survive: watermarks of sources, the zone, the last number given out.
CREATE TABLE memory (name VARCHAR NOT NULL, value VARCHAR NOT NULL);

CREATE VIEW usage_event AS
SELECT e.seq, e.recorded, e.start, e.day, n.source, e.customer, nullif(n.tier, '') AS tier, nullif(e.usr, '') AS "user",
  nullif(e.session, '') AS session, nullif(n.agent, '') AS agent, nullif(e.trace, '') AS trace,
  nullif(n.operation, '') AS operation, nullif(n.call_type, '') AS call_type, nullif(n.query_type, '') AS query_type,
  nullif(n.model_asked, '') AS model_asked, nullif(n.model, '') AS model, nullif(n.provider, '') AS provider,
  nullif(n.environment, '') AS environment, nullif(n.project, '') AS project, nullif(n.key_alias, '') AS key_alias,
  n.status, n.basis, nullif(n.error_class, '') AS error_class, n.cache_hit <> '' AS cache_hit,
  e.input, e.cache_read, e.cache_write_5m, e.cache_write_1h, e.output, e.reasoning,
  e.input_audio, e.output_audio, e.input_image, e.output_image,
  CASE WHEN n.basis <> 'unpriced' THEN e.cost END AS cost, e.saved,
  CASE WHEN e.duration_ms >= 0 THEN e.duration_ms END AS duration_ms,
  CASE WHEN e.ttft_ms >= 0 THEN e.ttft_ms END AS ttft_ms
FROM event e JOIN name_set n ON n.id = e.names
WHERE e.kind = 0;
