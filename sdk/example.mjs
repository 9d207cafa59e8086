import { budgetMiddleware, createGuard } from '@marginwatch/sdk'
import express from 'express'

const { MARGINWATCH_URL: url = 'http://127.0.0.1:9464', MARGINWATCH_GATEWAY_KEY: key, PORT = '3000' } = process.env
const budget = createGuard({ url, key })
const app = express()
app.use(budgetMiddleware(budget, { who: (req) => ({ customer: req.get('x-customer') }) }))
app.get('/', (req, res) => res.send(`asking ${req.marginwatch.model ?? 'gpt-4o'}\n`))
export const server = app.listen(Number(PORT), '127.0.0.1')
server.on('close', () => budget.close())
