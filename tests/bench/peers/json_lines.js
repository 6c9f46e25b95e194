// The plain Node.js way to take event lines: JSON.parse, a count by type and source, one reply a line. node json_lines.js SOCKET
const net = require('net')
const seen = new Map()
let n = 0
net.createServer(c => {
  let rest = ''
  c.setEncoding('utf8')
  c.on('error', () => {})
  c.on('data', d => {
    const lines = (rest + d).split('\n')
    rest = lines.pop()
    let out = ''
    for (const line of lines) {
      const e = JSON.parse(line)
      const k = (e.type || e.event_type) + '|' + (e.source || e.source_system)
      seen.set(k, (seen.get(k) || 0) + 1)
      out += '{"ok":true,"id":"1-' + ++n + '"}\n'
    }
    c.write(out)
  })
}).listen(process.argv[2])
