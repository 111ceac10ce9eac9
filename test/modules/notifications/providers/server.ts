/** What the servers that stand in for providers have in common: a real socket, what was taken, and every fault a network has. */
import { createHmac } from 'node:crypto'
import type { OutgoingMessage, ReceiptRequest } from '../../../../src/modules/notifications/channels/channel'

/** What the next answers are instead of the right one. */
export type Fault =
  /** 429, with this `Retry-After` or none. */
  | { limited: string | undefined }
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

export interface Taken {
  /** The provider’s id of it. */
  id: string
  /** As the provider was given it. */
  to: string
  text: string
}

export interface ReceiptOptions {
  /** The provider’s id of the message; the latest if nothing is said. */
  of?: string
  /** The provider’s code or word of why it failed. */
  error?: string
  /** Signed by somebody else. */
  forged?: boolean
  /** The provider’s clock, in milliseconds: for a receipt that comes late. */
  at?: number
}

export interface ProviderServer<Message extends Taken> {
  readonly url: string
  /** What it took, oldest first. */
  readonly messages: Message[]
  /** Requests that came, taken or not. */
  readonly offered: number
  /** Where its receipts go: the public address of the instance and the path. */
  receiptsUrl: string
  /** From now on, or for so many requests; `undefined` makes it well again. */
  answerWith(fault: Fault | undefined, times?: number): void
  /** A signed receipt, not sent: send it twice for a replay, or several in a wrong order. */
  receipt(status: string, options?: ReceiptOptions): Request
  sendReceipt(status: string, options?: ReceiptOptions): Promise<Response>
  /** Listens again, at the same address. */
  start(): void
  /** Nothing listens any more, and whoever was connected is cut off. */
  stop(): Promise<void>
}

interface Provider<Message extends Taken> {
  /** The right answer, or the provider’s refusal of a request that is wrong. `take` keeps a message. */
  handle(request: Request, take: (message: Omit<Message, 'id'>) => Message): Promise<Response>
  /** The provider’s error of this code. */
  error(code: number): Response
  receipt(url: string, id: string, status: string, options: ReceiptOptions): Request
  newId(number: number): string
}

export function createProviderServer<Message extends Taken>(provider: Provider<Message>): ProviderServer<Message> {
  const messages: Message[] = []
  let fault: Fault | undefined
  let left = Number.POSITIVE_INFINITY
  let offered = 0
  let server = listen(0)
  const port = server.port ?? 0

  function listen(at: number) {
    // A request that is never answered may last for ever here; the deadline is for the client to keep.
    return Bun.serve({ hostname: '127.0.0.1', port: at, idleTimeout: 0, fetch: answer })
  }

  function take(message: Omit<Message, 'id'>): Message {
    const taken = { ...message, id: provider.newId(messages.length + 1) } as Message
    messages.push(taken)
    return taken
  }

  async function answer(request: Request): Promise<Response> {
    offered += 1
    const now = fault
    left -= 1
    if (left <= 0) fault = undefined
    if (now === undefined) return provider.handle(request, take)
    if (now === 'silence') return new Promise<Response>(() => {})
    if (now === 'stalled') return stalled()
    if (now === 'lost') await provider.handle(request, take)
    if (now === 'lost' || now === 'cut') return cutOff()
    if (now === 'broken') return new Response('<h1>500</h1>', { status: 500 })
    if (now === 'garbage') return new Response('<h1>Welcome to the hotel</h1>', { status: 200 })
    if (now === 'redirect') return new Response('', { status: 302, headers: { location: '/elsewhere' } })
    if ('code' in now) return provider.error(now.code)
    return new Response('', { status: 429, headers: now.limited === undefined ? {} : { 'retry-after': now.limited } })
  }

  function receipt(status: string, options: ReceiptOptions = {}): Request {
    const id = options.of ?? messages.at(-1)?.id
    if (id === undefined) throw new Error('No message was taken of which there could be a receipt.')
    return provider.receipt(self.receiptsUrl, id, status, options)
  }

  const self: ProviderServer<Message> = {
    url: `http://127.0.0.1:${port}`,
    messages,
    get offered() {
      return offered
    },
    receiptsUrl: 'https://kumbu.example/receipts',
    answerWith(next, times = Number.POSITIVE_INFINITY) {
      fault = next
      left = times
    },
    receipt,
    sendReceipt: (status, options) => fetch(receipt(status, options)),
    start() {
      server = listen(port)
    },
    stop: () => server.stop(true),
  }
  return self
}

const stalled = () =>
  new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"sid": "')) }))

/** A body that fails ends the connection. */
const cutOff = () => new Response(new ReadableStream({ start: (controller) => controller.error() }))

export const hmacOf = (algorithm: 'sha1' | 'sha256', key: string | Uint8Array, text: string) =>
  createHmac(algorithm, key).update(text).digest()

/** What a channel is given of a request that came to an instance. */
export async function asReceived(request: Request): Promise<ReceiptRequest> {
  const { method, url, headers } = request
  return { method, url, headers, body: await request.clone().text() }
}

/** A message with everything in it; a test names what matters to it. */
export function outgoing(changes: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    deliveryId: 'dlv_01m0z3k8x2f4v5b6n7ag',
    medium: 'sms',
    template: 'code',
    language: 'pt',
    to: '+258841234567',
    subject: 'Your code',
    text: 'A long text with the code 123456.',
    html: '<p>A long text with the code 123456.</p>',
    short: 'Code 123456. Não o diga a ninguém & "guarde"-o.',
    approved: { name: 'kumbu_code', language: 'pt_PT', parameters: ['123456'], button: '123456' },
    push: [],
    data: {},
    attachments: [],
    ...changes,
  }
}
