/**
 * The thread that computes Argon2id for `password-hasher.ts`, one job after the other. It asks Linux for the lowest
 * priority, so that it has the time that nobody else wants. It is an entry point of its own in `scripts/build.ts`.
 */
import { dlopen, ptr } from 'bun:ffi'

const PRIO_PROCESS = 0
const CALLING_THREAD = 0
const LOWEST_PRIORITY = 19
/** Whoever wakes up takes the core at once, instead of waiting until this thread's slice has passed (sched(7)). */
const SCHED_IDLE = 5

export type PasswordJob =
  | { kind: 'hash'; secret: string; cost: Bun.Password.Argon2Algorithm }
  | { kind: 'verify'; secret: string; hash: string }

export type PasswordResult =
  | { kind: 'hash'; value: string }
  | { kind: 'verify'; value: boolean }
  | { kind: 'failed'; message: string }

/** `ready` once, then a result for each job. */
export type PasswordReply = { kind: 'ready' } | PasswordResult

declare const self: Worker

function work(job: PasswordJob): PasswordResult {
  try {
    return job.kind === 'hash'
      ? { kind: 'hash', value: Bun.password.hashSync(job.secret, job.cost) }
      : { kind: 'verify', value: Bun.password.verifySync(job.secret, job.hash) }
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

/** On Linux a priority belongs to a thread, and 0 names the calling one (setpriority(2), "C library/kernel differences"). */
function stepBack(): void {
  if (process.platform !== 'linux') return
  try {
    // musl should answer to this name too (its loader takes libc.* for itself); not tried.
    const libc = dlopen('libc.so.6', {
      setpriority: { args: ['i32', 'u32', 'i32'], returns: 'i32' },
      sched_setscheduler: { args: ['i32', 'i32', 'ptr'], returns: 'i32' },
    })
    libc.symbols.setpriority(PRIO_PROCESS, CALLING_THREAD, LOWEST_PRIORITY)
    // struct sched_param: this policy knows no priority but 0.
    libc.symbols.sched_setscheduler(CALLING_THREAD, SCHED_IDLE, ptr(new Int32Array(1)))
  } catch {
    // Without a C library to call, passwords compete with everything else, and are as right as before.
  }
}

stepBack()
self.onmessage = ({ data }: MessageEvent<PasswordJob>) => self.postMessage(work(data))
self.postMessage({ kind: 'ready' } satisfies PasswordReply)
