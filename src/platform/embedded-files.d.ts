/** Files that the bundler embeds: the import is a path, or the text of the file. */
declare module '*.sql' {
  const text: string
  export default text
}
declare module '*.css' {
  const path: string
  export default path
}
declare module '*.bin' {
  const path: string
  export default path
}
declare module '*.png' {
  const path: string
  export default path
}
declare module 'swagger-ui-dist/swagger-ui-bundle.js' {
  const path: string
  export default path
}

declare module '*.js' {
  const embedded: string
  export default embedded
}
