/** What the servers of providers have in common in tests: they listen on one port, and can fail in every way. */
export type Fault =
  | { status: number; headers?: Record<string, string>; body?: string }
  /** A page that is no answer to what was asked. */
  | 'garbage'
  /** Takes the request and never answers. */
  | 'hang'
  /** Breaks off in the middle of the answer. */
  | 'cut'

export interface Provider<Message> {
  readonly url: string
  /** What it took, in order. */
  readonly messages: Message[]
  /** How often it was asked to take something, whatever came of it. */
  readonly asked: number
  /** What it says to everything from now on; nothing, if nothing is said. */
  answerWith(fault?: Fault): void
  /** Nothing listens any more. */
  stop(): Promise<void>
  start(): Promise<void>
}

export function createProvider<Message>(
  take: (request: Request, messages: Message[]) => Promise<Response>,
): Provider<Message> {
  const messages: Message[] = []
  let fault: Fault | undefined
  let asked = 0
  let server = listen(0)
  const port = server.port ?? 0

  function listen(at: number) {
    return Bun.serve({
      hostname: '127.0.0.1',
      port: at,
      idleTimeout: 0,
      fetch(request) {
        asked += 1
        if (fault === undefined) return take(request, messages)
        return fault === 'cut' ? brokenOff() : failing(fault)
      },
    })
  }

  /** The beginning of an answer; then the server cuts off whoever is connected, and starts anew. */
  function brokenOff(): Response {
    const beginning = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"na')),
      pull() {
        void server.stop(true)
        server = listen(port)
        return new Promise<void>(() => {})
      },
    })
    return new Response(beginning)
  }

  return {
    url: `http://127.0.0.1:${port}`,
    messages,
    get asked() {
      return asked
    },
    answerWith(next) {
      fault = next
    },
    stop: () => server.stop(true),
    async start() {
      server = listen(port)
    },
  }
}

function failing(fault: Exclude<Fault, 'cut'>): Response | Promise<Response> {
  if (fault === 'garbage') return new Response('<!doctype html><title>Welcome to our Wi-Fi</title>')
  if (fault === 'hang') return new Promise<Response>(() => {})
  const { status, headers = {}, body = '' } = fault
  return new Response(body, { status, headers })
}
