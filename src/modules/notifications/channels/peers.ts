/**
 * Servers that people name: push services and endpoints of their own. Each has a breaker and a share of what may be under
 * way, so that one that fails or never answers takes neither the places nor the time of everybody else’s. Whatever is
 * wrong with one says nothing of the provider as a whole, so to those behind it is about the message alone.
 */
import type { Clock } from '../../../platform/ids'
import { within } from '../../../platform/within'
import { type Breaker, type BreakerState, createBreaker } from './breaker'
import type { Sent } from './channel'
import { heard } from './health'

export interface Peers {
  /** Asks the server when there is a place; or says that it is left alone, or has had its share for long. */
  ask(server: string, send: () => Promise<Sent>): Promise<Sent>
  stateOf(server: string): BreakerState
}

interface Peer {
  breaker: Breaker
  underWay: number
  /** Who waits for a place, the first first. */
  waiting: Array<() => void>
}

/** Servers are few; names that people make up are many, and shall not fill our memory. */
const PEERS_KEPT = 1_000
/** As long as a send itself may take. */
const PATIENCE_MS = 5_000
const NO_ROOM_MS = 1_000

export interface PeersOptions {
  /** Messages under way at one server, at most. */
  atOnce: number
  /** How long one waits for a place there. */
  patienceMs?: number
}

export function createPeers(clock: Clock, { atOnce, patienceMs = PATIENCE_MS }: PeersOptions): Peers {
  const peers = new Map<string, Peer>()

  /** The one that was asked last stands last. */
  function peerOf(server: string): Peer {
    const peer = peers.get(server) ?? { breaker: createBreaker(clock), underWay: 0, waiting: [] }
    peers.delete(server)
    if (peers.size >= PEERS_KEPT) forgetOne()
    peers.set(server, peer)
    return peer
  }

  function forgetOne(): void {
    for (const [server, { underWay }] of peers) {
      if (underWay > 0) continue
      peers.delete(server)
      return
    }
  }

  /** Takes a place, perhaps after a while; answers whether there was one. */
  async function enter(peer: Peer): Promise<boolean> {
    if (peer.underWay < atOnce) {
      peer.underWay += 1
      return true
    }
    const { promise, resolve } = Promise.withResolvers<true>()
    const next = () => resolve(true)
    peer.waiting.push(next)
    const given = await within<boolean>(patienceMs, promise, false)
    // It may have come in the same moment.
    if (given || !peer.waiting.includes(next)) return true
    peer.waiting = peer.waiting.filter((each) => each !== next)
    return false
  }

  /** Whoever waits longest has the place now. */
  function leave(peer: Peer): void {
    const next = peer.waiting.shift()
    if (next) next()
    else peer.underWay -= 1
  }

  return {
    stateOf: (server) => peers.get(server)?.breaker.state() ?? 'closed',

    async ask(server, send) {
      const peer = peerOf(server)
      if (!(await enter(peer))) return forNow('its server has its share of what is under way', NO_ROOM_MS)
      const ticket = peer.breaker.enter()
      if (!ticket) {
        leave(peer)
        return forNow('its server is left alone', peer.breaker.restMs())
      }
      try {
        const sent = await send()
        heard(peer.breaker, ticket, sent)
        return sent.outcome === 'transient' ? { ...sent, aboutMessage: true } : sent
      } catch (error) {
        peer.breaker.failed(ticket)
        throw error
      } finally {
        leave(peer)
      }
    },
  }
}

const forNow = (reason: string, retryAfterMs: number): Sent => ({
  outcome: 'transient',
  reason,
  retryAfterMs,
  aboutMessage: true,
})
