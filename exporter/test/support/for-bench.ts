import type { DockerSupport } from '../../../bench/docker.ts'
import type { GatewaySupport } from '../../../bench/support/gateway.ts'
import { startDockerd, whyNoDockerd } from './dockerd.ts'
import { gatewayConfig } from './gateway-config.ts'
import { findFixture } from './real-fixture.ts'
import { startRealGateway } from './real-gateway.ts'

/** What the benches of the gateway load of the tests. They are compiled alone, so here its types meet theirs. */
export const support: GatewaySupport = {
  whyNoGateway() {
    const found = findFixture()
    return typeof found === 'string' ? found : null
  },
  gatewayConfig,
  startRealGateway,
}

/** What the bench of containers loads. */
export const docker: DockerSupport = { whyNoDockerd, startDockerd }
