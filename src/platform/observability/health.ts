/** Whether the process lives, and whether each thing that it stands on does. */
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

export async function readiness(dependencies: readonly Dependency[]): Promise<Readiness> {
  const states = await Promise.all(dependencies.map(stateOf))
  const ready = dependencies.every(({ required }, i) => !required || states[i]?.state === 'up')
  return { ready, dependencies: states }
}

async function stateOf({ name, check }: Dependency): Promise<DependencyState> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<Omit<DependencyState, 'name'>>((resolve) => {
    timer = setTimeout(
      () => resolve({ state: 'down', detail: `no answer within ${CHECK_LIMIT_MS / 1000} s` }),
      CHECK_LIMIT_MS,
    )
  })
  try {
    return { name, ...(await Promise.race([check(), late])) }
  } catch (error) {
    return { name, state: 'down', detail: (error as Error).message.slice(0, 200) }
  } finally {
    clearTimeout(timer)
  }
}
