/** Stored values → what an entry says: absent text is '', absent time or count is −1. */
export const asText = (value: unknown): string => (typeof value === 'string' ? value : '')
export const asOptional = (value: unknown): string | null => (value === '' || typeof value !== 'string' ? null : value)
export const asCount = (value: unknown): number | null => (Number(value) < 0 ? null : Number(value))
