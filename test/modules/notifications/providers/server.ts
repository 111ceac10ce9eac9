/** What the servers of providers share that take messages one by one and say later what became of them. */
import { createHmac } from 'node:crypto'
import type { ReceiptRequest } from '../../../../src/modules/notifications/channels/channel'
import { createFaultyServer, type FaultyServer } from './faults'

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

export interface ProviderServer<Message extends Taken> extends FaultyServer {
  /** What it took, oldest first. */
  readonly messages: Message[]
  /** Where its receipts go: the public address of the instance and the path. */
  receiptsUrl: string
  /** A signed receipt, not sent: send it twice for a replay, or several in a wrong order. */
  receipt(status: string, options?: ReceiptOptions): Request
  sendReceipt(status: string, options?: ReceiptOptions): Promise<Response>
}

interface Provider<Message extends Taken> {
  /** The right answer, or the provider’s refusal of a request that is wrong. `take` keeps a message. */
  handle(request: Request, take: (message: Omit<Message, 'id'>) => Message): Promise<Response>
  /** The provider’s error of this code. */
  error?(code: number): Response
  receipt(url: string, id: string, status: string, options: ReceiptOptions): Request
  newId(number: number): string
}

export function createProviderServer<Message extends Taken>(provider: Provider<Message>): ProviderServer<Message> {
  const messages: Message[] = []
  /** Ids are never used twice, also after somebody has emptied the list. */
  let made = 0

  function take(message: Omit<Message, 'id'>): Message {
    made += 1
    const taken = { ...message, id: provider.newId(made) } as Message
    messages.push(taken)
    return taken
  }

  function receipt(status: string, options: ReceiptOptions = {}): Request {
    const id = options.of ?? messages.at(-1)?.id
    if (id === undefined) throw new Error('No message was taken of which there could be a receipt.')
    return provider.receipt(self.receiptsUrl, id, status, options)
  }

  const server = createFaultyServer({ handle: (request) => provider.handle(request, take), error: provider.error })
  const self: ProviderServer<Message> = Object.assign(server, {
    messages,
    receiptsUrl: 'https://kumbu.example/receipts',
    receipt,
    sendReceipt: (status: string, options?: ReceiptOptions) => fetch(receipt(status, options)),
  })
  return self
}

export const hmacOf = (algorithm: 'sha1' | 'sha256', key: string | Uint8Array, text: string) =>
  createHmac(algorithm, key).update(text).digest()

/** What a channel is given of a request that came to an instance. */
export async function asReceived(request: Request): Promise<ReceiptRequest> {
  const { method, url, headers } = request
  return { method, url, headers, body: await request.clone().text() }
}
