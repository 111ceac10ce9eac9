/** A deadline for what may never answer. */

/** What comes of the work, or `late` when it has not ended by then; it goes on all the same, and nobody hears of it. */
export async function within<Value>(limitMs: number, work: Promise<Value>, late: Value): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const over = new Promise<Value>((resolve) => {
    timer = setTimeout(() => resolve(late), limitMs)
  })
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}
