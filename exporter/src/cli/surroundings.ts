/** What the program touches of the process. Only main.ts has the real ones. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Whether a person looks at what is written to `err`. */
  readonly watched: boolean
  /** Called with `stop` or `reload` when the process is asked to. */
  readonly onSignal: (listener: (signal: 'stop' | 'reload') => void) => void
}

/** Where the policy lies when nobody says otherwise. */
export const DEFAULT_POLICY = 'marginwatch.yaml'
