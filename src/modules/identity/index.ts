/** Identity: who may come in, and what they may do. */

export { codeIssued, registrationRepeated, sessionsRevoked, userActivated } from './events'
export { identityFailures, type PinCode, pinFailures } from './failures'
export { type Role, roles, type Scope, scopes } from './roles'
export { identityRoutes } from './routes'
export { createIdentity, type Identity } from './service'
export { randomDigits } from './service/codes'
export type { User } from './service/users'
