import { isIPv6 } from 'node:net'

/** Whether only this machine can reach the host: 127.0.0.0/8, ::1 (in brackets or not), localhost. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIPv6(bare)) return /^(::1|(0+:){7}0*1|::ffff:127\.\d+\.\d+\.\d+)$/i.test(bare)
  return /^127(\.\d{1,3}){3}$/.test(host)
}
