/** Whether the process lives, and whether each thing that it stands on does. */
import { within } from '../within'

export interface DependencyState {
  name: string
  /** `up`, `down`, or `off`: not configured, and not needed to serve. */
  state: 'up' | 'down' | 'off'
  detail?: string
}

export interface Dependency {
  name: string
  /** Without it nothing can be served. */
  required: boolean
  check(): Promise<Omit<DependencyState, 'name'>>
}

export interface Readiness {
  ready: boolean
  dependencies: DependencyState[]
}

const CHECK_LIMIT_MS = 2_000
const LATE: Omit<DependencyState, 'name'> = { state: 'down', detail: `no answer within ${CHECK_LIMIT_MS / 1000} s` }

export async function readiness(dependencies: readonly Dependency[]): Promise<Readiness> {
  const states = await Promise.all(dependencies.map(stateOf))
  const ready = dependencies.every(({ required }, i) => !required || states[i]?.state === 'up')
  return { ready, dependencies: states }
}

async function stateOf({ name, check }: Dependency): Promise<DependencyState> {
  try {
    return { name, ...(await within(CHECK_LIMIT_MS, check(), LATE)) }
  } catch (error) {
    return { name, state: 'down', detail: (error as Error).message.slice(0, 200) }
  }
}
