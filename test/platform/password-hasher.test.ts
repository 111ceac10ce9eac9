/** Passwords are computed on threads of their own, and every one of them is answered. */
import { afterEach, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import {
  createPasswordHasher,
  HasherBusyError,
  type PasswordHasher,
  type PasswordHasherOptions,
  startPasswordWorker,
} from '../../src/platform/security/password-hasher'

const open: PasswordHasher[] = []
const onLinux = process.platform === 'linux'

function hasher(options?: PasswordHasherOptions): PasswordHasher {
  const made = createPasswordHasher(options)
  open.push(made)
  return made
}

/** A hash that costs next to nothing, where the cost is not what is looked at. */
const cheap = (secret: string) => Bun.password.hash(secret, { algorithm: 'argon2id', memoryCost: 8, timeCost: 1 })

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

/** Counts the workers, and lets a test kill the newest. */
function countedWorkers() {
  const started: Worker[] = []
  return {
    started,
    startWorker() {
      const worker = startPasswordWorker()
      started.push(worker)
      return worker
    },
  }
}

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

describe('a password', () => {
  test('is hashed with Argon2id at 19 MiB and two passes, with a salt of its own', async () => {
    const { hash } = hasher()
    const [one, other] = await Promise.all([hash('correct horse'), hash('correct horse')])
    expect(one).toStartWith('$argon2id$v=19$m=19456,t=2,p=1$')
    expect(one).not.toBe(other)
    expect(await Bun.password.verify('correct horse', one)).toBe(true)
  })

  test('is right or wrong, whatever its characters', async () => {
    const { hash, verify } = hasher()
    for (const secret of ['correct horse', 'pão de açúcar 🐎', 'be\0fore', ' ', 'x'.repeat(4_096)]) {
      const hashed = await hash(secret)
      expect(await verify(secret, hashed)).toBe(true)
      expect(await verify(`${secret}.`, hashed)).toBe(false)
    }
    expect(await verify('be', await hash('be\0fore'))).toBe(false)
  })

  test('of a hash that is none gets a clear error, and the next one its answer from the same thread', async () => {
    const { started, startWorker } = countedWorkers()
    const { hash, verify } = hasher({ startWorker })
    for (const none of ['', 'plain', '$argon2id$', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA', '$7$nothing']) {
      const outcome = await verify('correct horse', none).catch((error: unknown) => error)
      expect(outcome === false || outcome instanceof Error).toBe(true)
    }
    expect(await failureOf(hash(''))).toBeInstanceOf(Error)
    expect(await verify('correct horse', await cheap('correct horse'))).toBe(true)
    expect(started).toHaveLength(1)
  })
})

describe('many passwords at once', () => {
  test('are all answered, each with its own answer', async () => {
    const { verify } = hasher({ threads: 3 })
    const hashed = await cheap('7')
    const answers = await Promise.all(Array.from({ length: 120 }, (_, i) => verify(String(i), hashed)))
    expect(answers.flatMap((right, i) => (right ? [i] : []))).toEqual([7])
  })

  test('beyond those that may wait are refused, and the others answered', async () => {
    const { hash } = hasher({ threads: 1, waiting: 2 })
    const asked = Array.from({ length: 5 }, () => hash('correct horse'))
    const outcomes = await Promise.allSettled(asked)
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ])
    expect(await failureOf(asked[4] as Promise<string>)).toBeInstanceOf(HasherBusyError)
    expect(await hash('correct horse')).toStartWith('$argon2id$')
  })

  test('leave the event loop free', async () => {
    const { hash } = hasher({ threads: 1 })
    let turns = 0
    const ticking = setInterval(() => {
      turns += 1
    }, 1)
    await hash('the first one starts the thread')
    const before = turns
    await Promise.all(Array.from({ length: 4 }, () => hash('correct horse')))
    clearInterval(ticking)
    expect(turns - before).toBeGreaterThan(4)
  })
})

describe('the thread', () => {
  test('starts with the first password', async () => {
    const { started, startWorker } = countedWorkers()
    const { hash } = hasher({ startWorker, threads: 4 })
    expect(started).toHaveLength(0)
    await hash('correct horse')
    await hash('correct horse')
    expect(started).toHaveLength(1)
  })

  test.if(onLinux)('has the lowest priority, and the others keep theirs', async () => {
    const before = niceOf(String(process.pid))
    await hasher().hash('correct horse')
    const lowest = readdirSync('/proc/self/task').filter((thread) => niceOf(thread) === 19)
    expect(lowest.length).toBeGreaterThan(0)
    expect(before).toBeLessThan(19)
    expect(niceOf(String(process.pid))).toBe(before)
  })

  test('that dies idle is replaced', async () => {
    const { started, startWorker } = countedWorkers()
    const { hash } = hasher({ startWorker, threads: 1 })
    await hash('correct horse')
    started[0]?.terminate()
    expect(await Promise.all([hash('one'), hash('two')])).toHaveLength(2)
    expect(await hash('correct horse')).toStartWith('$argon2id$')
    expect(started).toHaveLength(2)
  })

  test('that dies at work is replaced, and its password done by another', async () => {
    const { started, startWorker } = countedWorkers()
    const { hash } = hasher({ startWorker, threads: 1 })
    await hash('correct horse')
    const asked = [hash('one'), hash('two')]
    started[0]?.terminate()
    const hashes = await Promise.all(asked)
    expect(await Bun.password.verify('two', hashes[1] as string)).toBe(true)
    expect(started).toHaveLength(2)
  })

  test('that dies of the same password twice has it answered by an error', async () => {
    const startWorker = () =>
      new Worker(mortal('self.postMessage({ kind: "ready" }); self.onmessage = () => process.exit(1)'))
    const { hash } = hasher({ startWorker, threads: 1 })
    const failures = await Promise.all([failureOf(hash('one')), failureOf(hash('two'))])
    expect(failures.map((failure) => (failure as Error).message)).toEqual(
      Array(2).fill('The thread that computed this password died.'),
    )
  })

  test('that cannot be started leaves the work to Bun’s own', async () => {
    for (const startWorker of [
      () => new Worker('./there-is-no-such-file.ts'),
      () => new Worker(mortal('throw new Error("dead on arrival")')),
      (): Worker => {
        throw new Error('no threads here')
      },
    ]) {
      const { hash, verify } = hasher({ startWorker, threads: 1, waiting: 2 })
      const asked = Array.from({ length: 4 }, () => failureOf(hash('correct horse')))
      expect((await Promise.all(asked)).at(-1)).toBeInstanceOf(HasherBusyError)
      expect(await verify('correct horse', await cheap('correct horse'))).toBe(true)
    }
  })
})

describe('a closed hasher', () => {
  test('answers whoever waits with an error, and whoever comes later', async () => {
    const closing = hasher({ threads: 1 })
    const asked = [failureOf(closing.hash('one')), failureOf(closing.hash('two'))]
    closing.close()
    for (const failure of await Promise.all([...asked, failureOf(closing.hash('three'))])) {
      expect((failure as Error).message).toBe('The password hasher is closed.')
    }
  })
})

describe('a process', () => {
  const module = JSON.stringify(new URL('../../src/platform/security/password-hasher.ts', import.meta.url).pathname)
  const run = (program: string) =>
    Bun.spawnSync([process.execPath, '-e', `import { createPasswordHasher } from ${module}\n${program}`], {
      timeout: 30_000,
    })

  test('waits for a password that is asked for, and then ends by itself', () => {
    const { exitCode, stdout } = run(`createPasswordHasher().hash('correct horse').then((hash) => console.log(hash))`)
    expect(stdout.toString()).toStartWith('$argon2id$')
    expect(exitCode).toBe(0)
  })

  test('may leave in the middle of one', () => {
    expect(run(`createPasswordHasher().hash('one'); setTimeout(() => process.exit(7), 40)`).exitCode).toBe(7)
  })
})

function mortal(program: string): string {
  return URL.createObjectURL(new Blob([program], { type: 'text/javascript' }))
}

/** The 19th field of stat(5); the name before it may hold spaces. */
function niceOf(thread: string): number {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
}
