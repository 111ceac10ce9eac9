/** Identity: who may come in, and what they may do. */

export { codeIssued, registrationRepeated, sessionsRevoked, userActivated } from './events'
export { identityFailures } from './failures'
export { isRole, type Role, roles, type Scope, scopes, scopesOf } from './roles'
export { identityRoutes } from './routes'
export { createIdentity, type Identity } from './service'
export { randomDigits } from './service/codes'
export type { PinCode } from './service/pins'
export type { User } from './service/users'
