-- Sums by day, customer, model and tier together are hardly fewer than the events. Two coarser tables answer every question
-- about days, and each is a small fraction of them.

-- Net sums by local day, up to the number that `memory` holds as `rolled`; kept when events are deleted.
CREATE TABLE day_customer AS
SELECT day, customer, tier, sum(calls)::BIGINT AS calls, sum(unpriced)::BIGINT AS unpriced,
  sum(tokens)::BIGINT AS tokens, sum(cost)::BIGINT AS cost
FROM day_total GROUP BY ALL;

CREATE TABLE day_model AS
SELECT day, tier, model, provider, sum(calls)::BIGINT AS calls, sum(unpriced)::BIGINT AS unpriced,
  sum(tokens)::BIGINT AS tokens, sum(cost)::BIGINT AS cost
FROM day_total GROUP BY ALL;

DROP TABLE day_total;
