import { block, list, named } from './blocks.ts'
import { duration, flag, label, modelName, oneOf, optional, required, url, variable, whole } from './kinds.ts'
import { GATEWAY_CACHES, GATEWAY_MODES } from './policy.ts'

const model = block({
  model: required(modelName),
  mode: required(oneOf(GATEWAY_MODES)),
  api_base: optional(url),
  api_key: optional(variable('OPENAI_API_KEY')),
  api_version: optional(label('the version of the API, e.g. 2024-10-21')),
  aws_region: optional(label('a region of AWS, e.g. eu-central-1')),
  vertex_project: optional(label('a project of Google Cloud')),
  vertex_location: optional(label('a location of Google Cloud, e.g. europe-west4')),
})

const langfuse = block({
  host: required(url),
  public_key: required(variable('LANGFUSE_PUBLIC_KEY')),
  secret_key: required(variable('LANGFUSE_SECRET_KEY')),
})

/** The block `gateway`: what LiteLLM's configuration is generated from. Its variables are LiteLLM's, so none is looked up. */
export const gateway = block({
  models: named(model, 'models by the name that clients ask for, e.g. gpt-4o: { model: openai/gpt-4o }'),
  fallbacks: named(
    list(required(label('the name of one of gateway.models')), 'a list of models, e.g. [claude-sonnet]'),
    'lists of models by model, e.g. gpt-4o: [claude-sonnet]',
  ),
  retries: required(whole(0, 10)),
  timeout: required(duration('1s', '1h', '10m')),
  cache: required(oneOf(GATEWAY_CACHES)),
  cache_ttl: required(duration('1s', '30d', '10m')),
  redis_url: required(variable('REDIS_URL')),
  langfuse: langfuse.nullish(),
  prometheus: required(flag),
  master_key: required(variable('LITELLM_MASTER_KEY')),
  database_url: required(variable('DATABASE_URL')),
})
