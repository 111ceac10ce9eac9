/** Every route as it states itself, and a call of it as anybody, in which nothing happens to anyone else. */
import { type Role, roles } from '../../src/modules/identity'
import type { Answer, Person, World } from '../support/world'

export interface StatedRoute {
  method: string
  path: string
  scopes: 'public' | readonly string[] | undefined
  hidden: boolean
}

export const roleNames = Object.keys(roles) as Role[]

export async function oneOfEachRole({ person }: World): Promise<Record<Role, Person>> {
  const made = await Promise.all(roleNames.map((role) => person(role)))
  return Object.fromEntries(roleNames.map((role, i) => [role, made[i]])) as Record<Role, Person>
}

export function statedRoutes({ app }: World): StatedRoute[] {
  return app.routes().map(({ method, path, hooks }) => {
    const { detail = {} } = hooks as { detail?: Record<string, unknown> }
    return {
      method,
      path,
      scopes: detail['x-scopes'] as StatedRoute['scopes'],
      hidden: detail.hide === true,
    }
  })
}

const NEEDS_BODY = new Set(['POST', 'PUT', 'PATCH'])
/** Where OAuth’s clients speak, bodies are forms. */
const FORMS_UNDER = '/oauth/'
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** Values of the right form that name nothing. */
const SAMPLES: Record<string, string> = {
  id: 'wdr_00000000000000000000',
  userId: 'usr_00000000000000000000',
  agentId: 'usr_00000000000000000000',
  tellerId: 'usr_00000000000000000000',
  sessionId: 'ses_00000000000000000000',
  deviceId: 'dev_00000000000000000000',
  passkeyId: 'psk_00000000000000000000',
  keyId: 'key_00000000000000000000',
  clientId: 'cli_00000000000000000000',
  method: 'email',
  workId: '1',
  name: 'nothing.there',
  serviceId: 'svc_00000000000000000000',
  staffId: 'stf_00000000000000000000',
  appointmentId: 'apt_00000000000000000000',
  closureId: 'cls_00000000000000000000',
  waitId: 'wtl_00000000000000000000',
  reviewId: 'rev_00000000000000000000',
  token: 'A'.repeat(43),
}

function sampleOf(parameter: string): string {
  const sample = SAMPLES[parameter]
  if (sample === undefined) throw new Error(`Which ${parameter} would a call name? Add one to SAMPLES.`)
  return sample
}

/** A call of the route with ids that name nothing and an empty body. */
export function knock({ call }: World, { method, path }: StatedRoute, token?: string): Promise<Answer> {
  const named = path.replaceAll(/:(\w+)/g, (_, name: string) => sampleOf(name))
  const from = '127.0.0.1'
  if (!NEEDS_BODY.has(method)) return call(method, named, { token, from })
  if (path.startsWith(FORMS_UNDER)) return call(method, named, { token, from, body: '', headers: FORM })
  return call(method, named, { token, from, body: {} })
}

/**
 * The token of a session that lives for one call and has seen no proof of late: a route may end it, and none closes the
 * account or removes anything of it.
 */
export async function passingToken(
  { app: { identity }, write }: World,
  { id }: Pick<Person, 'id'>,
  restricted = false,
): Promise<string> {
  const user = await identity.known(id)
  const session = await write((tx) => identity.sessions.open(tx, user, { methods: ['pwd'], verifiedAt: 0, restricted }))
  return (await identity.sessions.tokens(session)).accessToken
}
