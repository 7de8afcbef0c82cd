-- The inbox with the key p_inbox by arrival, or what is in it of some names:
-- [{id, name, payload, sent_at}].
--
-- p_park: the number of the latest park. What was awaited and handed out after an earlier one has
--         `seen: true` as well.
-- Payloads beyond the first 64 MB are left out: [{id, name, sent_at, omitted: true}].
-- Plan: signals_pkey.
create function gendurable._inbox(p_inbox bigint, p_names text[] default null,
                                  p_park int default null)
returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    return coalesce((
        select jsonb_agg(case when s.bytes <= gendurable._most_bytes()
                              then jsonb_build_object('id', s.id, 'name', s.name,
                                                      'payload', s.payload, 'sent_at', s.sent_at)
                              else jsonb_build_object('id', s.id, 'name', s.name,
                                                      'sent_at', s.sent_at, 'omitted', true) end
                         || case when s.presented < p_park then '{"seen": true}'::jsonb
                                 else '{}' end
                         order by s.id)
        from (select x.id, x.name, x.payload, x.sent_at, x.presented,
                     sum(gendurable._listed_size(x.name, x.payload))
                         over (order by x.inbox, x.id rows unbounded preceding) as bytes
              from gendurable.signals as x
              where x.inbox = p_inbox
                and (p_names is null or x.name = any (p_names))) as s), '[]');
end
$$;
comment on function gendurable._inbox(bigint, text[], int)
    is 'The signals in the inbox of an instance, by arrival.';
