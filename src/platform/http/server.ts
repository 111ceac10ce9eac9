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

export function listen(pipeline: Pipeline, host: string, port: number): Server {
  let underWay = 0
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
            return await pipeline(request, () => socket.requestIP(request)?.address ?? '')
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
      const closed = server.stop(false)
      if (underWay > 0) {
        const drained = new Promise<void>((resolve) => {
          idle = resolve
        })
        await Promise.race([drained, Bun.sleep(deadlineMs)])
        // The answers of the last requests are still on their way into the sockets.
        await Bun.sleep(50)
      }
      await server.stop(true)
      await closed
    },
  }
}
