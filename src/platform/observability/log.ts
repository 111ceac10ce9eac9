/**
 * Structured logs: one JSON object a line, on the terminal or in a file that is rotated by size. Members that may hold a
 * secret are redacted by name, wherever they stand.
 */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import pino from 'pino'

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface LogOptions {
  level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Absent: standard error, so that standard output stays free for what a command answers. */
  file?: string | undefined
}

const SECRET_NAMES = new Set([
  'password',
  'pin',
  'code',
  'token',
  'accessToken',
  'refreshToken',
  'secret',
  'authorization',
  'cookie',
])
const REDACTED = '[redacted]'
/** What is nested deeper is not written at all. */
const DEPTH_LIMIT = 8

const FILE_LIMIT_BYTES = 10 * 1024 * 1024
const FILES_KEPT = 5

export function createLog({ level, file }: LogOptions): Log {
  const destination = file === undefined ? terminal() : rotatingFile(file, FILE_LIMIT_BYTES, FILES_KEPT)
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redacted(fields, 0) as Record<string, unknown>,
      },
    },
    destination,
  )
}

/** The value without secrets, wherever they stand, and with errors in words. */
function redacted(value: unknown, depth: number): unknown {
  if (value instanceof Error) return describeError(value)
  if (value === null || typeof value !== 'object') return value
  if (depth > DEPTH_LIMIT) return REDACTED
  if (Array.isArray(value)) return value.map((each) => redacted(each, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      SECRET_NAMES.has(name) && member !== undefined ? REDACTED : redacted(member, depth + 1),
    ]),
  )
}

/** An error with its causes, without values that a query may have carried. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code } = error as { code?: unknown }
  return {
    name: error.name,
    message: error.message.split('\nparams:')[0],
    ...(code === undefined ? {} : { reason: String(code) }),
    stack: error.stack
      ?.split('\n')
      .filter((line) => line.startsWith('    at '))
      .slice(0, 5)
      .join('\n'),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}

function terminal(): pino.DestinationStream {
  return { write: (line) => void process.stderr.write(line) }
}

/** `kumbu.log` is renamed to `kumbu.log.1`, that to `kumbu.log.2`, and so on; the oldest goes. */
export function rotatingFile(path: string, limitBytes: number, kept: number): pino.DestinationStream {
  mkdirSync(dirname(path), { recursive: true })
  let descriptor = openSync(path, 'a', 0o600)
  let size = fstatSync(descriptor).size

  function rotate(): void {
    closeSync(descriptor)
    rmSync(`${path}.${kept - 1}`, { force: true })
    for (let i = kept - 2; i >= 1; i--) if (existsSync(`${path}.${i}`)) renameSync(`${path}.${i}`, `${path}.${i + 1}`)
    renameSync(path, `${path}.1`)
    descriptor = openSync(path, 'a', 0o600)
    size = 0
  }

  return {
    write(line) {
      const bytes = Buffer.byteLength(line)
      try {
        if (size > 0 && size + bytes > limitBytes) rotate()
        writeSync(descriptor, line)
        size += bytes
      } catch {
        // A full disk must not take the till down: the line goes to the terminal instead.
        process.stderr.write(line)
      }
    },
  }
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
