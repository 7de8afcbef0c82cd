-- The inbox of an instance by arrival, or what is in it of some names:
-- [{id, name, payload, sent_at}].
--
-- Plan: signals_pkey.
create function gendurable._inbox(p_id bigint, p_names text[] default null) returns jsonb
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
        select jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name, 'payload', s.payload,
                                            'sent_at', s.sent_at)
                         order by s.id)
        from gendurable.signals as s
        where s.instance_id = p_id and (p_names is null or s.name = any (p_names))), '[]');
end
$$;
comment on function gendurable._inbox(bigint, text[])
    is 'The signals in the inbox of an instance, by arrival.';
