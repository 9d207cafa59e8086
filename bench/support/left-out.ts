/** Thrown by a bench that cannot run on this machine: says what it needs, and is no failure. */
export class LeftOut extends Error {
  override readonly name = 'LeftOut'
}
