/** A server on a real socket that stands in for a provider, and every way in which it and the network may fail. */
export type Fault =
  /** This answer instead of the right one. */
  | { status: number; headers?: Record<string, string>; body?: string }
  /** The provider’s own error of this code, in the provider’s own shape. */
  | { code: number }
  /** 500, with a page of words. */
  | 'broken'
  /** 200, with something that the provider never says. */
  | 'garbage'
  /** Another address to go to. */
  | 'redirect'
  /** Nothing at all, for ever. */
  | 'silence'
  /** 200 and the beginning of an answer that never ends. */
  | 'stalled'
  /** The connection ends before the message is taken. */
  | 'cut'
  /** The message is taken; the connection ends before that is said. */
  | 'lost'

export interface FaultyServer {
  readonly url: string
  /** Requests that came, taken or not. */
  readonly offered: number
  /** From now on, or for so many requests; nothing makes it well again. */
  answerWith(fault?: Fault, times?: number): void
  /** Listens again, at the same address. */
  start(): void
  /** Nothing listens any more, and whoever was connected is cut off. */
  stop(): Promise<void>
}

interface Well {
  /** The right answer, or the provider’s refusal of a request that is wrong. */
  handle(request: Request): Promise<Response>
  /** The provider’s error of this code; an empty answer of this status, if it has no codes of its own. */
  error?: ((code: number) => Response) | undefined
}

export function createFaultyServer({ handle, error = empty }: Well): FaultyServer {
  let fault: Fault | undefined
  let left = Number.POSITIVE_INFINITY
  let offered = 0
  let server = listen(0)
  const port = server.port ?? 0

  function listen(at: number) {
    // A request that is never answered may last for ever here; the deadline is for the client to keep.
    return Bun.serve({ hostname: '127.0.0.1', port: at, idleTimeout: 0, fetch: answer })
  }

  async function answer(request: Request): Promise<Response> {
    offered += 1
    const now = fault
    left -= 1
    if (left <= 0) fault = undefined
    if (now === undefined) return handle(request)
    if (now === 'silence') return new Promise<Response>(() => {})
    if (now === 'stalled') return stalled()
    if (now === 'lost') await handle(request)
    if (now === 'lost' || now === 'cut') return cutOff()
    if (now === 'broken') return new Response('<h1>500</h1>', { status: 500 })
    if (now === 'garbage') return new Response('<h1>Welcome to the hotel</h1>', { status: 200 })
    if (now === 'redirect') return new Response('', { status: 307, headers: { location: '/elsewhere' } })
    if ('code' in now) return error(now.code)
    const { status, headers = {}, body = '' } = now
    return new Response(body, { status, headers })
  }

  return {
    url: `http://127.0.0.1:${port}`,
    get offered() {
      return offered
    },
    answerWith(next, times = Number.POSITIVE_INFINITY) {
      fault = next
      left = times
    },
    start() {
      server = listen(port)
    },
    stop: () => server.stop(true),
  }
}

const empty = (status: number) => new Response('', { status })

const stalled = () =>
  new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"sid": "')) }))

/** A body that fails ends the connection. */
const cutOff = () => new Response(new ReadableStream({ start: (controller) => controller.error() }))
