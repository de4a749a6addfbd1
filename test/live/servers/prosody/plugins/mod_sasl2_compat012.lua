-- Debian's prosody-modules has mod_sasl2 for the Prosody after 0.12; this adds what it calls and 0.12 has not.
local errors = require "util.error";
local st = require "util.stanza";

local methods_of_stanzas = st.stanza_mt.__index;
if not methods_of_stanzas.add_error then
	function methods_of_stanzas:add_error(err)
		return self:tag("error", { type = err.type or "cancel" })
			:tag(err.condition or "undefined-condition", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }):up():up();
	end
end

-- What connections can tell about TLS.
module:hook("stream-features", function (event)
	local conn = event.origin.conn;
	local mt = conn and getmetatable(conn);
	local methods = mt and mt.__index;
	if type(methods) ~= "table" then return end
	for name, of_socket in pairs { ssl_info = "info"; ssl_peerfinished = "getpeerfinished"; ssl_exportkeyingmaterial = "exportkeyingmaterial" } do
		if not methods[name] then
			methods[name] = function (self, ...)
				local socket = self:socket();
				return socket and socket[of_socket] and socket[of_socket](socket, ...) or nil;
			end
		end
	end
end, 1000);

-- mod_smacks answers by itself; mod_sasl2_sm wants the answer as a value, to put it into <success/>.
local smacks = module:depends("smacks");
local xmlns_sm = "urn:xmpp:sm:3";

-- In place of session.send, which mod_smacks takes for a table: keeps what would be sent.
local function recorder()
	local sent = {};
	return setmetatable({}, { __call = function (_, stanza) sent[#sent + 1] = stanza; return true; end }), sent;
end

local function refusal(answer)
	local condition = answer.tags[1];
	return errors.new({ type = "cancel"; condition = condition and condition.name or "undefined-condition" }, { h = tonumber(answer.attr.h) });
end

if not smacks.do_enable then
	function smacks.do_enable(session, request)
		local send, sent = session.send;
		session.send, sent = recorder();
		smacks.handle_enable(session, request, xmlns_sm);
		session.send = send;
		local answer = sent[1];
		if answer.name ~= "enabled" then return nil, refusal(answer); end
		return { type = "enabled"; id = answer.attr.id; resume_max = answer.attr.max; finish = function () end };
	end
end

-- It hands the connection over to the session of old at once; what that one then sends waits for <success/>.
if not smacks.do_resume then
	function smacks.do_resume(session, request)
		local send, held, sent = session.send, recorder();
		session.send = held;
		smacks.handle_resume(session, request, xmlns_sm);
		local answer, resumed = sent[1], held.session;
		if not resumed or answer.name ~= "resumed" then
			session.send = send;
			return nil, refusal(answer);
		end
		-- Upvalues of that function: Prosody lets them be set so, and mod_smacks did it to ours.
		resumed.send, send.session, send.filter = send, resumed, resumed.filter;
		local function finish()
			resumed.resending_unacked = true;
			for i = 2, #sent do resumed.send(sent[i]); end
			resumed.resending_unacked = nil;
		end
		return { type = "resumed"; id = answer.attr.previd; session = resumed; finish = finish };
	end
end
