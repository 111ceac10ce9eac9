/**
 * The entry. What must be settled before anything else is loaded is settled here: the mode of the libraries, and the
 * database address, by whose scheme the tables are described. Then the command line is handed to its verb.
 */
const COMPILED = process.env.KUMBU_COMPILED === 'yes'

if (COMPILED) process.env.NODE_ENV = 'production'

const DATABASE_FLAG = '--database-url'
const given = process.argv.findIndex((word) => word === DATABASE_FLAG || word.startsWith(`${DATABASE_FLAG}=`))
if (given >= 0) {
  const word = process.argv[given] as string
  const value = word === DATABASE_FLAG ? process.argv[given + 1] : word.slice(DATABASE_FLAG.length + 1)
  if (value !== undefined) process.env.DATABASE_URL = value
}

const { run } = await import('./cli')
process.exitCode = await run(process.argv.slice(2), { compiled: COMPILED })

export {}
