/**
 * Passwords of one account are looked at one after another, and only so many may wait, one from each address: whoever
 * floods an account from many addresses gets a queue of his own making, not the machine. Devices that the person is
 * known to use do not queue behind strangers. Nothing is locked: when the flood ends, the lane is free.
 */
const MOST_WAITING = 32

export interface SignInLane {
  /** Runs `look` when its turn comes; `undefined` if too many wait, or one from this address does. */
  run<Value>(account: string, address: string, look: () => Promise<Value>): Promise<Value | undefined>
}

export function createSignInLane(): SignInLane {
  const lanes = new Map<string, { last: Promise<unknown>; addresses: Set<string> }>()
  return {
    async run(account, address, look) {
      const lane = lanes.get(account) ?? { last: Promise.resolve(), addresses: new Set<string>() }
      if (lane.addresses.size >= MOST_WAITING || lane.addresses.has(address)) return undefined
      lanes.set(account, lane)
      lane.addresses.add(address)
      const turn = lane.last.then(look)
      lane.last = turn.catch(() => undefined)
      try {
        return await turn
      } finally {
        lane.addresses.delete(address)
        if (lane.addresses.size === 0) lanes.delete(account)
      }
    },
  }
}
