/** An inbox as a stream of server-sent events (WHATWG HTML, section 9.2). */
import type { Principal } from '../../../platform/http/context'
import { type Clock, idForm } from '../../../platform/ids'
import type { Identity } from '../../identity'
import type { InboxItem, PersonalInbox } from '../service/inbox'

const HEARTBEAT_MS = 15_000
const RETRY_MS = 3_000
const MISSED_AT_MOST = 100
/** Pieces that wait to be read. */
const UNREAD_AT_MOST = 200

export async function eventStream(
  inbox: PersonalInbox,
  identity: Identity,
  { userId, sessionId }: Principal,
  request: Request,
  clock: Clock,
): Promise<Response> {
  // What comes while the first answer is made is told too.
  const since = clock()
  const encoder = new TextEncoder()
  const lastId = request.headers.get('last-event-id')
  const missed = lastId !== null && idForm('ntf').test(lastId) ? await inbox.since(userId, lastId, MISSED_AT_MOST) : []
  const unread = await inbox.unread(userId)
  let end: () => void = () => {}

  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (text: string) => {
        // Whoever does not read is not written to without end.
        if ((controller.desiredSize ?? 0) < -UNREAD_AT_MOST) return end()
        try {
          controller.enqueue(encoder.encode(text))
        } catch {
          // Whoever looked on is gone.
          end()
        }
      }
      const tell = (item: InboxItem, number: number) =>
        write(`id: ${item.id}\nevent: notification\ndata: ${JSON.stringify({ ...item, unread: number })}\n\n`)
      const unwatch = inbox.watch(userId, tell, () => end(), since)
      const heartbeat = setInterval(() => void beat(), HEARTBEAT_MS)
      const forget = inbox.onClose(() => end())
      end = () => {
        end = () => {}
        clearInterval(heartbeat)
        unwatch()
        forget()
        try {
          controller.close()
        } catch {
          // It is closed already.
        }
      }

      /** A stream lives no longer than the session that opened it; a proxy cuts one that is silent. */
      async function beat(): Promise<void> {
        // When nobody can say whether it may go on it ends: whoever looks on comes back by themselves.
        const mayGoOn = await identity.sessions.mayGoOn(sessionId, 'notifications:own').catch(() => false)
        if (!mayGoOn) return end()
        write(': still here\n\n')
      }

      write(`retry: ${RETRY_MS}\nevent: unread\ndata: ${JSON.stringify({ unread })}\n\n`)
      for (const item of missed) tell(item, unread)
    },
    cancel() {
      end()
    },
  })
  request.signal.addEventListener('abort', () => end())
  return new Response(stream, {
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
  })
}
