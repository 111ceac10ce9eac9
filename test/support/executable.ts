/** The compiled executable as a process of its own, started as its users start it. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const EXECUTABLE = join(import.meta.dir, '../../dist', process.platform === 'win32' ? 'kumbu.exe' : 'kumbu')

export interface Running {
  base: string
  /** Everything that was printed so far, both streams. */
  output(): string
  process: Bun.Subprocess
  /** Asks it to stop and waits; answers the exit code. */
  stop(): Promise<number>
  /** Ends it as a power cut would. */
  kill(): Promise<void>
}

export interface StartOptions {
  args?: string[]
  env?: Record<string, string>
  /** The folder it is started in. */
  cwd: string
}

const START_TIMEOUT_MS = 15_000

/** A bare environment: what the machine has set must not decide how a test ends. */
const bare = { PATH: process.env.PATH ?? '', HOME: tmpdir() }

export function emptyFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'kumbu-empty-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Runs a verb to its end. */
export async function runVerb(
  args: string[],
  { env = {}, cwd }: StartOptions,
): Promise<{ code: number; out: string; err: string }> {
  mustExist()
  const child = Bun.spawn([EXECUTABLE, ...args], { cwd, env: { ...bare, ...env }, stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

/** Starts `serve` on a free port and waits until it says where it serves. */
export async function startServer({ args = [], env = {}, cwd }: StartOptions): Promise<Running> {
  mustExist()
  const child = Bun.spawn([EXECUTABLE, 'serve', '--port', '0', ...args], {
    cwd,
    env: { ...bare, ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  let printed = ''
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) printed += decoder.decode(chunk, { stream: true })
  }
  void collect(child.stdout)
  void collect(child.stderr)
  const deadline = Date.now() + START_TIMEOUT_MS
  let base: string | undefined
  while (base === undefined) {
    base = /on (http:\/\/[^\s]+)/.exec(printed)?.[1]
    if (base === undefined && (child.exitCode !== null || Date.now() > deadline)) {
      child.kill('SIGKILL')
      throw new Error(`The executable did not start: ${printed}`)
    }
    if (base === undefined) await Bun.sleep(5)
  }
  return {
    base,
    output: () => printed,
    process: child,
    async stop() {
      child.kill('SIGTERM')
      return child.exited
    },
    async kill() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

function mustExist(): void {
  if (!existsSync(EXECUTABLE)) throw new Error('dist/kumbu is not there: npm run build')
}
