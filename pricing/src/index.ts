export { type Decimal, decimal, type Nano, nano, plus, times, toNano, usd, usdRounded } from './money.ts'
