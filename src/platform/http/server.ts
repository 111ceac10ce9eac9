/**
 * The listening socket. Stopping is orderly: no new connection is taken, what is under way is answered, and only what
 * has not ended by the deadline is cut.
 */
import type { Pipeline } from './pipeline'

export interface Server {
  readonly port: number
  readonly host: string
  stop(deadlineMs: number): Promise<void>
}

export class ListenError extends Error {
  override name = 'ListenError'
}

/** Far above the limit for a body, which the pipeline refuses with a problem; this only guards the memory. */
const SOCKET_BODY_LIMIT_BYTES = 16 * 1024 * 1024
const IDLE_TIMEOUT_S = 60
const GRACE_MS = 50

export function listen(pipeline: Pipeline, host: string, port: number): Server {
  let underWay = 0
  let stopping = false
  let idle: (() => void) | undefined

  const server = (() => {
    try {
      return Bun.serve({
        hostname: host,
        port,
        // Two processes must not share the port unnoticed.
        reusePort: false,
        maxRequestBodySize: SOCKET_BODY_LIMIT_BYTES,
        idleTimeout: IDLE_TIMEOUT_S,
        development: false,
        async fetch(request, socket) {
          underWay += 1
          try {
            const response = await pipeline(request, () => socket.requestIP(request)?.address ?? '')
            if (stopping) response.headers.set('connection', 'close')
            return response
          } finally {
            underWay -= 1
            if (underWay === 0) idle?.()
          }
        },
      })
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'EADDRINUSE') {
        throw new ListenError(
          `Port ${port} on ${host} is taken by another program. Choose another with --port, or stop that program.`,
        )
      }
      throw new ListenError(`Cannot listen on ${host}:${port}: ${(error as Error).message}. Check --host and --port.`)
    }
  })()

  return {
    port: server.port ?? port,
    host,
    async stop(deadlineMs) {
      stopping = true
      const closed = server.stop(false)
      // Requests that are in a socket but not yet read come in during the grace.
      await Bun.sleep(GRACE_MS)
      if (underWay > 0) await idleOr(deadlineMs)
      // The answers of the last requests are still on their way into the sockets.
      await Bun.sleep(GRACE_MS)
      await server.stop(true)
      await closed
    },
  }

  function idleOr(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadlineMs)
      idle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
