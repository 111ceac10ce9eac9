/** Waits, in real time, for what comes by itself. */

const AGAIN_AFTER_MS = 5

/** Asks again and again until the answer is one that will do; fails with the last one when the time is up. */
export async function until<Value>(
  ask: () => Value | Promise<Value>,
  isEnough: (value: Value) => boolean = Boolean,
  timeoutMs = 10_000,
): Promise<Value> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await ask()
    if (isEnough(value)) return value
    if (Date.now() > deadline) throw new Error(`Not in ${timeoutMs} ms: ${JSON.stringify(value)}`)
    await Bun.sleep(AGAIN_AFTER_MS)
  }
}
