/** Attributes under which others write what Langfuse keeps, by its own field; the first that is there counts. */
export const NAMES = {
  userId: [
    'langfuse.user.id',
    'user.id',
    'metadata.langfuse_user_id',
    'langfuse.trace.metadata.langfuse_user_id',
    'langfuse.observation.metadata.langfuse_user_id',
    'ai.telemetry.metadata.userId',
  ],
  sessionId: [
    'langfuse.session.id',
    'session.id',
    'gen_ai.conversation.id',
    'metadata.langfuse_session_id',
    'langfuse.trace.metadata.langfuse_session_id',
    'langfuse.observation.metadata.langfuse_session_id',
  ],
  tags: ['langfuse.trace.tags', 'langfuse.tags', 'metadata.langfuse_tags', 'ai.telemetry.metadata.tags', 'tag.tags'],
  traceName: ['langfuse.trace.name'],
  environment: ['langfuse.environment', 'deployment.environment.name', 'deployment.environment'],
  release: ['langfuse.release'],
  version: ['langfuse.version'],
  type: ['langfuse.observation.type'],
  name: ['gen_ai.tool.name', 'logfire.msg'],
  model: [
    'langfuse.observation.model.name',
    'gen_ai.response.model',
    'ai.model.id',
    'gen_ai.request.model',
    'llm.model_name',
  ],
  level: ['langfuse.observation.level'],
  statusMessage: ['langfuse.observation.status_message'],
  completionStart: ['langfuse.observation.completion_start_time'],
  promptName: ['langfuse.observation.prompt.name'],
  promptVersion: ['langfuse.observation.prompt.version'],
  input: ['langfuse.observation.input', 'gen_ai.input.messages', 'gen_ai.prompt', 'input.value'],
  output: ['langfuse.observation.output', 'gen_ai.output.messages', 'gen_ai.completion', 'output.value'],
} as const

export const USAGE_NAMES = {
  input: ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt'],
  output: ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion'],
  total: ['gen_ai.usage.total_tokens', 'llm.token_count.total'],
  cacheRead: [
    'gen_ai.usage.cache_read.input_tokens',
    'gen_ai.usage.cache_read_input_tokens',
    'llm.token_count.prompt_details.cache_read',
  ],
  cacheCreation: [
    'gen_ai.usage.cache_creation.input_tokens',
    'gen_ai.usage.cache_creation_input_tokens',
    'llm.token_count.prompt_details.cache_write',
  ],
  reasoning: ['gen_ai.usage.reasoning_tokens', 'llm.token_count.completion_details.reasoning'],
  audio: ['llm.token_count.completion_details.audio'],
} as const

/** Objects of these are spread over the metadata, and what stands under them with a dot. The last one wins. */
export const METADATA_PREFIXES = ['langfuse.metadata', 'langfuse.trace.metadata', 'langfuse.observation.metadata']
