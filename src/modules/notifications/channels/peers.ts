/**
 * Servers that people name: push services and endpoints of their own. Each has a breaker and a share of what may be under
 * way, so that one that fails or never answers takes neither the places nor the time of everybody else’s. Whatever is
 * wrong with one says nothing of the provider as a whole, so to those behind it is about the message alone.
 */
import type { Clock } from '../../../platform/ids'
import { type Breaker, createBreaker } from './breaker'
import type { Sent } from './channel'

export interface Peers {
  /** Asks the server, or says at once that it is left alone or has its share. */
  ask(server: string, send: () => Promise<Sent>): Promise<Sent>
}

interface Peer {
  breaker: Breaker
  underWay: number
}

/** Servers are few; names that people make up are many, and shall not fill our memory. */
const PEERS_KEPT = 1_000
const NO_ROOM_MS = 1_000

export function createPeers(clock: Clock, { atOnce }: { atOnce: number }): Peers {
  const peers = new Map<string, Peer>()

  /** The one that was asked last stands last. */
  function peerOf(server: string): Peer {
    const peer = peers.get(server) ?? { breaker: createBreaker(clock), underWay: 0 }
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

  return {
    async ask(server, send) {
      const peer = peerOf(server)
      if (peer.underWay >= atOnce) return forNow('its server has its share of what is under way', NO_ROOM_MS)
      const ticket = peer.breaker.enter()
      if (!ticket) return forNow('its server is left alone', peer.breaker.restMs())
      peer.underWay += 1
      try {
        const sent = await send()
        if (sent.outcome === 'accepted') peer.breaker.succeeded(ticket)
        else if (sent.outcome === 'permanent') peer.breaker.release(ticket)
        else peer.breaker.failed(ticket, sent.retryAfterMs)
        return sent.outcome === 'transient' ? { ...sent, aboutMessage: true } : sent
      } catch (error) {
        peer.breaker.failed(ticket)
        throw error
      } finally {
        peer.underWay -= 1
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
