/** Swagger UI from inside the executable: a kiosk has no internet, so every file of the page is embedded. */
import { Elysia } from 'elysia'
import icon from 'swagger-ui-dist/favicon-32x32.png' with { type: 'file' }
import styles from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' }
import bundle from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' }

const START = `window.ui = SwaggerUIBundle({
  url: '/swagger/json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  docExpansion: 'list',
  // With so many operations only those in sight are drawn, so the browser’s own search finds no others.
  filter: true,
  defaultModelsExpandDepth: -1,
  validatorUrl: null,
})`

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Kumbu API</title>
  <link rel="icon" href="/swagger/icon.png">
  <link rel="stylesheet" href="/swagger/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/swagger/swagger-ui-bundle.js"></script>
  <script src="/swagger/start.js"></script>
</body>
</html>
`

// Swagger UI writes styles into its elements and draws its icons from data addresses.
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
const ONE_DAY = 'public, max-age=86400'

const file = (path: string, type: string) => () =>
  new Response(Bun.file(path), { headers: { 'content-type': type, 'cache-control': ONE_DAY } })

export function swagger(document: () => object): Elysia {
  const hidden = { detail: { hide: true } }
  return new Elysia({ name: 'swagger' })
    .get('/swagger/json', () => Response.json(document(), { headers: { 'cache-control': 'no-cache' } }), hidden)
    .get(
      '/swagger',
      () =>
        new Response(PAGE, {
          headers: {
            'content-type': 'text/html; charset=utf-8',
            'content-security-policy': PAGE_POLICY,
            'cache-control': 'no-cache',
          },
        }),
      hidden,
    )
    .get(
      '/swagger/start.js',
      () =>
        new Response(START, {
          headers: { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-cache' },
        }),
      hidden,
    )
    .get('/swagger/swagger-ui-bundle.js', file(bundle, 'text/javascript; charset=utf-8'), hidden)
    .get('/swagger/swagger-ui.css', file(styles, 'text/css; charset=utf-8'), hidden)
    .get('/swagger/icon.png', file(icon, 'image/png'), hidden) as unknown as Elysia
}
