# Scenarios of Rails' Active Record. Reads jobs as JSON lines, `{"id", "scenario", "host", "port", …}`, and writes `{"id", "seen"}`
# for each: what the scenario saw, or its error.
require "active_record"
require "active_record/connection_adapters/postgresql_adapter"
require "json"

def open(job, more = {})
  ActiveRecord::Base.postgresql_connection(
    { adapter: "postgresql", host: job["host"], port: job["port"], username: job["user"], password: job["password"],
      database: job["database"] }.merge(more)
  )
end

def close(*connections)
  connections.each(&:disconnect!)
end

def attempt
  yield.to_s
rescue ActiveRecord::StatementInvalid => error
  error.message.lines.first.strip.sub(/^PG::\w+: (ERROR: +)?/, "").gsub(/"a\d+"/, '"aN"')
end

# What each of two connections sees, four times.
def see(question, a, b)
  seen = [a, b].map { |one| Array.new(4) { attempt { one.select_value(question) } }.join(" ") }
  "A: #{seen[0]}; B: #{seen[1]}"
ensure
  close(a, b)
end

# Two connections whose statements have the same names, each of which must get its own answer.
def prepared(job, more)
  clients = [open(job, more), open(job, more)]
  seen = Array.new(4) do
    [0, 1, 0].map do |number|
      zero = ActiveRecord::Relation::QueryAttribute.new("zero", 0, ActiveRecord::Type::Integer.new)
      answer = attempt { clients[number].exec_query("SELECT #{number} + $1::int", "SQL", [zero], prepare: true).rows[0][0] }
      answer == number.to_s ? "right" : answer =~ /^\d+$/ ? "another client's answer" : answer
    end
  end
  seen.flatten.tally.map { |what, count| what == "right" ? "#{count} right" : "#{count} × #{what}" }.join(", ")
ensure
  close(*clients)
end

SCENARIOS = {
  "rails-variables" => ->(job) { see("SHOW statement_timeout", open(job, variables: { statement_timeout: 7000 }), open(job)) },
  "rails-no-variables" => ->(job) { see("SHOW statement_timeout", open(job, connect_timeout: 5), open(job)) },
  "rails-search-path" => ->(job) { see("SHOW search_path", open(job, schema_search_path: "a"), open(job, schema_search_path: "b")) },
  "rails-no-search-path" => ->(job) { see("SHOW search_path", open(job, encoding: "unicode"), open(job)) },
  "rails-prepared" => ->(job) { prepared(job, {}) },
  "rails-not-prepared" => ->(job) { prepared(job, prepared_statements: false) },
  "versions" => ->(_) { JSON.generate("Active Record" => ActiveRecord.version.to_s) }
}

$stdout.sync = true
$stdin.each_line do |line|
  job = JSON.parse(line)
  seen = begin
    SCENARIOS.fetch(job["scenario"]).call(job)
  rescue StandardError => error
    error.message.lines.first.strip
  end
  puts JSON.generate(id: job["id"], seen: seen)
end
