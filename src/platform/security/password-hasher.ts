/**
 * Argon2id for passwords, on threads of its own at the lowest priority: whoever floods the sign-in delays other sign-ins
 * and not money. Bun’s own asynchronous functions would compete with the event loop for the cores.
 *
 * Threads start with the first password and keep the process alive only while somebody waits for an answer. Should a
 * thread die, its job is done once more by another; where none can be started, Bun’s own functions stand in.
 */
import { availableParallelism } from 'node:os'
import type { PasswordJob, PasswordReply, PasswordResult } from './password-worker'

/** OWASP’s parameters for Argon2id: 19 MiB, two passes, one lane. */
const ARGON2ID = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const
/** Each thread takes 19 MiB while it computes, and more of them than this would only serve a flood. */
const THREADS_LIMIT = 8
const WAITING_LIMIT = 256
const TRIES = 2

export interface PasswordHasher {
  /** A PHC string. Throws `HasherBusyError` when too many wait, as `verify` does. */
  hash(secret: string): Promise<string>
  /** Throws when the hash is none that Bun knows. */
  verify(secret: string, hash: string): Promise<boolean>
  /** Ends the threads; whoever still waits gets an error. */
  close(): void
}

/** So many passwords wait that another would wait too long. */
export class HasherBusyError extends Error {
  override name = 'HasherBusyError'
}

export interface PasswordHasherOptions {
  /** By default one fewer than there are cores, at least one. */
  threads?: number
  /** How many jobs may wait for a thread, besides those under way. */
  waiting?: number
  startWorker?: () => Worker
}

interface Waiting {
  job: PasswordJob
  tries: number
  resolve(value: string | boolean): void
  reject(error: Error): void
}

/** The types of the DOM know nothing of a worker that lets the process end. */
type BunWorker = Worker & Pick<Bun.Worker, 'ref' | 'unref'>

/** Something that does one job at a time. */
interface Lane {
  current: Waiting | undefined
  start(job: PasswordJob): void
  end(): void
}

export function createPasswordHasher({
  threads = Math.max(1, Math.min(THREADS_LIMIT, availableParallelism() - 1)),
  waiting: waitingLimit = WAITING_LIMIT,
  startWorker = startPasswordWorker,
}: PasswordHasherOptions = {}): PasswordHasher {
  const waiting: Waiting[] = []
  const lanes = new Set<Lane>()
  let workersStart = true
  let closed = false

  function submit(job: PasswordJob): Promise<string | boolean> {
    if (closed) return Promise.reject(new Error('The password hasher is closed.'))
    if (waiting.length >= waitingLimit) {
      return Promise.reject(new HasherBusyError(`${waiting.length} passwords wait already.`))
    }
    return new Promise((resolve, reject) => {
      waiting.push({ job, tries: 0, resolve, reject })
      dispatch()
    })
  }

  function dispatch(): void {
    while (waiting.length > 0) {
      const lane = [...lanes].find(({ current }) => current === undefined) ?? openLane()
      if (lane === undefined) return
      const next = waiting.shift() as Waiting
      next.tries += 1
      lane.current = next
      lane.start(next.job)
    }
  }

  function openLane(): Lane | undefined {
    if (lanes.size >= threads) return undefined
    const lane = (workersStart && openWorkerLane()) || openOwnLane()
    lanes.add(lane)
    return lane
  }

  function openWorkerLane(): Lane | undefined {
    let worker: BunWorker
    try {
      worker = startWorker() as BunWorker
    } catch {
      workersStart = false
      return undefined
    }
    let ready = false
    const lane: Lane = {
      current: undefined,
      start(job) {
        worker.ref()
        if (ready) worker.postMessage(job)
      },
      end: () => worker.terminate(),
    }
    worker.addEventListener('message', ({ data }: MessageEvent<PasswordReply>) => {
      if (data.kind !== 'ready') {
        worker.unref()
        return finish(lane, data)
      }
      ready = true
      if (lane.current) worker.postMessage(lane.current.job)
    })
    const died = () => {
      // One that dies before it was ready would only be followed by more that do.
      if (!ready) workersStart = false
      lose(lane)
    }
    worker.addEventListener('error', (event) => {
      event.preventDefault()
      worker.terminate()
      died()
    })
    worker.addEventListener('close', died)
    return lane
  }

  function openOwnLane(): Lane {
    const lane: Lane = {
      current: undefined,
      start(job) {
        computeHere(job).then((result) => finish(lane, result))
      },
      end() {},
    }
    return lane
  }

  function finish(lane: Lane, result: PasswordResult): void {
    const done = lane.current
    lane.current = undefined
    if (result.kind === 'failed') done?.reject(new Error(result.message))
    else done?.resolve(result.value)
    dispatch()
  }

  function lose(lane: Lane): void {
    if (!lanes.delete(lane) || closed) return
    const lost = lane.current
    if (lost && (lost.tries < TRIES || !workersStart)) waiting.unshift(lost)
    else lost?.reject(new Error('The thread that computed this password died.'))
    dispatch()
  }

  return {
    hash: (secret) => submit({ kind: 'hash', secret, cost: ARGON2ID }) as Promise<string>,
    verify: (secret, hash) => submit({ kind: 'verify', secret, hash }) as Promise<boolean>,
    close() {
      closed = true
      for (const lane of lanes) lane.end()
      const unanswered = [...[...lanes].flatMap(({ current }) => current ?? []), ...waiting.splice(0)]
      lanes.clear()
      for (const { reject } of unanswered) reject(new Error('The password hasher is closed.'))
    },
  }
}

/** What a worker does, on the threads that Bun keeps for it. */
async function computeHere(job: PasswordJob): Promise<PasswordResult> {
  try {
    return job.kind === 'hash'
      ? { kind: 'hash', value: await Bun.password.hash(job.secret, job.cost) }
      : { kind: 'verify', value: await Bun.password.verify(job.secret, job.hash) }
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

/** Compiled, all modules have the address of the executable, and entry points keep their path below `src`. */
export function startPasswordWorker(): Worker {
  const path = process.env.KUMBU_COMPILED === 'yes' ? './platform/security/password-worker.ts' : './password-worker.ts'
  return new Worker(new URL(path, import.meta.url).href, { ref: false, smol: true })
}
