/** Agents and ATMs: float, commission and cash-in. */
export { cashInCompleted, floatIssued } from './events'
export { agentsRoutes } from './routes'
export { createAgents } from './service'
