// The second broker of the conformance tests: Aedes, and an eye and a hand of the test in it.
//   node broker.mjs FOLDER OPTIONS     FOLDER holds node_modules; OPTIONS is JSON for Aedes
// Says on standard output, a line each: `listening PORT`, `publish CLIENT TOPIC QOS RETAIN PAYLOAD PROPERTIES`,
// `subscribe CLIENT FILTER QOS`, `ready CLIENT`, `gone CLIENT`. Obeys JSON lines on standard input; ends with it.
import net from 'node:net'
import readline from 'node:readline'
import { pathToFileURL } from 'node:url'

const [folder, options] = process.argv.slice(2)
const { Aedes } = await import(pathToFileURL(folder + '/node_modules/aedes/aedes.js'))
const broker = await Aedes.createBroker({
  ...JSON.parse(options),
  authenticate: (client, user, password, done) => {
    if (user !== 'wrong') return done(null, true)
    done(Object.assign(new Error('no such user'), { returnCode: 4 }), false)
  },
  authorizePublish: (client, packet, done) => done(packet.topic.startsWith('forbidden/') ? new Error('not here') : null),
  authorizeSubscribe: (client, wish, done) => done(null, wish.topic.startsWith('forbidden/') ? null : wish)
})
const sockets = new Map()
const say = (...words) => console.log(words.join(' '))

broker.on('publish', (packet, client) => {
  if (packet.topic.startsWith('$SYS/')) return
  say('publish', client ? client.id : '-', packet.topic, packet.qos, packet.retain ? 1 : 0, packet.payload,
    JSON.stringify(packet.properties ?? {}, (_, v) => v?.type === 'Buffer' ? Buffer.from(v.data).toString() : v))
})
broker.on('subscribe', (wishes, client) => wishes.forEach(w => say('subscribe', client.id, w.topic, w.qos)))
broker.on('clientReady', client => {
  sockets.set(client.id, client)
  say('ready', client.id)
})
broker.on('clientDisconnect', client => say('gone', client.id))

const deeds = {
  publish: ({ topic, qos, payload, retain, properties }) => broker.publish({ topic, qos, payload, retain: retain ?? false, properties }, () => {}),
  kick: ({ id, reason, properties }) => sockets.get(id)?.disconnect({ reasonCode: reason, properties }),
  drop: ({ id }) => sockets.get(id)?.conn.destroy()
}
readline.createInterface({ input: process.stdin })
  .on('line', line => {
    const order = JSON.parse(line)
    if (order.properties?.correlationData) order.properties.correlationData = Buffer.from(order.properties.correlationData)
    deeds[order.do](order)
  })
  .on('close', () => process.exit(0))
const server = net.createServer(broker.handle)
server.listen(0, '127.0.0.1', () => say('listening', server.address().port))
