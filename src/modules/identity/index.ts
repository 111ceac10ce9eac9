/** Identity: who may come in, and what they may do. */
export { identityRoutes } from './routes'
export { identityFailures } from './failures'
export { codeIssued, registrationRepeated, sessionsRevoked, userActivated } from './events'
export { isRole, type Role, roles, type Scope, scopes, scopesOf } from './roles'
export { createIdentity, type Identity } from './service'
export { randomDigits } from './service/codes'
export type { PinCode } from './service/pins'
export { type User } from './service/users'
