/** A command that cannot be carried out; its message tells the person at the terminal why, and what to do. */
export class CommandError extends Error {
  override name = 'CommandError'
}
