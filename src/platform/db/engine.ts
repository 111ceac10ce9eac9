/**
 * Which of the two database engines this process speaks. It is decided once, before any table is described, by the
 * scheme of `DATABASE_URL` (the command line's `--database-url` is put there by `main.ts`).
 */
export type Engine = 'sqlite' | 'postgres'

export function engineOf(databaseUrl: string | undefined): Engine {
  return databaseUrl !== undefined && /^postgres(ql)?:\/\//.test(databaseUrl) ? 'postgres' : 'sqlite'
}

export const engine: Engine = engineOf(process.env.DATABASE_URL)
