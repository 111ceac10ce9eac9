/** From starting the executable to its first answer, on an existing database; and its memory when nobody asks anything. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seedPeople } from './support/people'
import { median, report } from './support/report'
import { EXECUTABLE, residentMib, serve } from './support/server'

const ROUNDS = 9
const PORT = 39_471
const IDLE_MS = 3_000

export async function start(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  try {
    const data = join(folder, 'data')
    await seedPeople({ data }, 100)
    const starts: number[] = []
    const bare: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      starts.push(await firstAnswerMs(data))
      bare.push(versionMs())
    }
    const [value, peer] = [median(starts), median(bare)]
    report({
      name: 'start',
      value,
      unit: 'ms to the first answer',
      peer: 'kumbu version, the same executable doing nothing',
      peer_value: peer,
      ratio: value / peer,
      goal: 'at most 150 ms',
    })
    const server = await serve(['--data', data])
    await (await fetch(`${server.base}/health`)).text()
    await Bun.sleep(IDLE_MS)
    const idle = await residentMib(server.pid)
    await server.stop()
    report({
      name: 'memory_idle',
      value: idle,
      unit: 'MiB resident',
      peer: 'the limit',
      peer_value: 100,
      ratio: idle / 100,
      goal: 'at most 100 MiB',
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function firstAnswerMs(data: string): Promise<number> {
  const startedAt = performance.now()
  const child = Bun.spawn([EXECUTABLE, 'serve', '--port', String(PORT), '--data', data, '--log-level', 'error'], {
    stdout: 'ignore',
    stderr: 'inherit',
  })
  for (;;) {
    try {
      await (await fetch(`http://127.0.0.1:${PORT}/health`)).text()
      break
    } catch {
      await Bun.sleep(1)
    }
  }
  const took = performance.now() - startedAt
  child.kill('SIGTERM')
  await child.exited
  return took
}

function versionMs(): number {
  const startedAt = performance.now()
  Bun.spawnSync([EXECUTABLE, 'version'])
  return performance.now() - startedAt
}
