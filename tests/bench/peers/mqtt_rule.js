// The plain Node.js way to watch devices: mqtt.js, JSON.parse, "16 events of one key in 100 ms" for each key, a report of every mark.
//   NODE_PATH=FOLDER/node_modules node mqtt_rule.js PORT QOS FILTER
const mqtt = require('mqtt')
const [port, qos, filter] = [process.argv[2], Number(process.argv[3]), process.argv[4]]
const client = mqtt.connect('mqtt://127.0.0.1:' + port, { clientId: 'plain', receiveMaximum: 1000 })
const windows = new Map()
client.on('connect', () => client.subscribe(filter, { qos }))
client.on('message', (topic, payload) => {
  const e = JSON.parse(payload)
  const now = Date.now()
  const key = e.type === 'MARK' ? e.metadata.mark : e.type + '|' + e.source
  let times = windows.get(key)
  if (!times) windows.set(key, times = [])
  while (times.length && times[0] < now - 100) times.shift()
  times.push(now)
  if (times.length >= (e.type === 'MARK' ? 1 : 16)) {
    windows.delete(key)
    client.publish('inc', JSON.stringify({ key, count: times.length }), { qos })
  }
})
