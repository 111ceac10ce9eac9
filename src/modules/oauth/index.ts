/** OAuth 2.0 and OpenID Connect: how applications and machines are let in without anybody's password. */
export { asOAuthError } from './failures'
export { oauthRoutes } from './routes'
export { createOAuth, type OAuth } from './service'
