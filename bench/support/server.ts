/** The executable under measurement, and the load put on it. */
import { join } from 'node:path'

const root = join(import.meta.dir, '../..')
export const EXECUTABLE = join(root, 'dist/kumbu')

export interface BenchServer {
  base: string
  pid: number
  stop(): Promise<void>
}

export interface LoadReport {
  perSecond: number
  answered: number
  failed: number
  firstFailure: string
  p50Ms: number
  p99Ms: number
}

export async function serve(args: string[]): Promise<BenchServer> {
  const child = Bun.spawn(
    [EXECUTABLE, 'serve', '--port', '0', '--rate-limit', '0', '--backup-hours', '0', '--log-level', 'error', ...args],
    { stdout: 'pipe', stderr: 'inherit' },
  )
  return {
    base: await announced(child.stdout),
    pid: child.pid,
    async stop() {
      child.kill('SIGTERM')
      await child.exited
    },
  }
}

/** The address that a server prints when it is ready. */
export async function announced(output: ReadableStream<Uint8Array>): Promise<string> {
  let printed = ''
  for await (const chunk of output) {
    printed += new TextDecoder().decode(chunk)
    const base = /on (http:\/\/\S+)/.exec(printed)?.[1]
    if (base !== undefined) return base
  }
  throw new Error(`The server did not start: ${printed}`)
}

export async function load(
  base: string,
  people: string,
  connections: number,
  seconds: number,
  warmUp = 2,
): Promise<LoadReport> {
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, 'load.ts'),
      base,
      people,
      String(connections),
      String(seconds),
      String(warmUp),
    ],
    { stdout: 'pipe', stderr: 'inherit' },
  )
  const report = JSON.parse(await new Response(child.stdout).text()) as LoadReport
  if (report.failed > 0) throw new Error(`${report.failed} transfers failed: ${report.firstFailure}`)
  return report
}

/** Sum and count of a histogram of the server’s metrics. */
export async function histogram(base: string, name: string): Promise<{ sum: number; count: number }> {
  const text = await (await fetch(`${base}/metrics`)).text()
  const value = (suffix: string) => Number(new RegExp(`^${name}_${suffix} (\\S+)`, 'm').exec(text)?.[1] ?? 0)
  return { sum: value('sum'), count: value('count') }
}

/** Resident memory of a process, in MiB. */
export async function residentMib(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text()
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}
