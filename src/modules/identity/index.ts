/** Identity: who may come in, and what they may do. */

export {
  type CodePurpose,
  codeIssued,
  newDeviceSeen,
  passwordResetAsked,
  registrationRepeated,
  type SecurityChange,
  securityChanged,
  sessionsRevoked,
  userActivated,
} from './events'
export { identityFailures, type PinCode, pinFailures } from './failures'
export { isOfTill, isOwner, isTellerOf, mayRunAppointments, ownId } from './ownership'
export {
  grantableTo,
  OWN_HANDS_ONLY,
  openIdScopes,
  type Role,
  roles,
  type Scope,
  scopes,
  scopesOf,
} from './roles'
export { identityRoutes } from './routes'
export { notedBy } from './routes/noted'
export { createIdentity, type Identity } from './service'
export type { Audit, Noted } from './service/audit'
export type { PersonalData } from './service/closing'
export { randomDigits } from './service/codes'
export { type Actor, SYSTEM } from './service/people'
export type { User, UserView } from './service/users'
