-- Delivers many signals: an array of objects {target | id, name, payload, dedup_key}. All or nothing.
--
-- `id` addresses an instance by id; `target` by correlation key when it is a string, by id when it is a number.
-- Locks:  the targets by id (see gendurable._deliver).
-- Writes: dedup_keys, signals, instances.
-- Errors: GD002 not an array; GD003 a bad entry, with its place in DETAIL.
create function public.gd_signal_many(entries jsonb) returns table (ord int, result text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    v_letters gendurable.letter[];
    v_ord     bigint;
    v_problem text;
begin
    if jsonb_typeof(gd_signal_many.entries) is distinct from 'array' then
        perform gendurable._refuse('GD002', format('entries is %s, not an array', coalesce(jsonb_typeof(gd_signal_many.entries), 'null')),
                                   'Pass a JSON array of objects {target | id, name, payload, dedup_key}.');
    end if;

    -- Types first, so that no cast below can fail.
    select x.ord, p.problem into v_ord, v_problem
    from jsonb_array_elements(gd_signal_many.entries) with ordinality as x (entry, ord)
    cross join lateral (
        select case
                   when jsonb_typeof(x.entry) <> 'object' then jsonb_typeof(x.entry) || ', not an object'
                   when x.entry - '{target,id,name,payload,dedup_key}'::text[] <> '{}'
                       then 'unknown field ' || (select f from jsonb_object_keys(x.entry - '{target,id,name,payload,dedup_key}'::text[]) as f limit 1)
                   when x.entry -> 'target' <> 'null' and x.entry -> 'id' <> 'null' then 'both target and id'
                   when not x.entry @? '$ ? (!exists(@.id) || @.id == null || (@.id.type() == "number" && @.id == @.id.floor() && @.id.abs() < 9223372036854775807))'
                       then 'id is not an instance id'
                   when not x.entry @? '$ ? (!exists(@.target) || @.target == null || @.target.type() == "string" || (@.target.type() == "number" && @.target == @.target.floor() && @.target.abs() < 9223372036854775807))'
                       then 'target is neither a correlation key nor an instance id'
                   when coalesce(jsonb_typeof(x.entry -> 'name'), 'null') not in ('string', 'null') then 'name is not a string'
                   when coalesce(jsonb_typeof(x.entry -> 'dedup_key'), 'null') not in ('string', 'null') then 'dedup_key is not a string'
               end as problem
    ) as p
    where p.problem is not null
    order by x.ord
    limit 1;

    if v_problem is null then
        select array_agg(row(
                   x.ord,
                   coalesce(x.entry ->> 'id', case when jsonb_typeof(x.entry -> 'target') = 'number' then x.entry ->> 'target' end)::numeric::bigint,
                   case when jsonb_typeof(x.entry -> 'target') = 'string' then x.entry ->> 'target' end,
                   x.entry ->> 'name', nullif(x.entry -> 'payload', 'null'), x.entry ->> 'dedup_key')::gendurable.letter)
        into v_letters
        from jsonb_array_elements(gd_signal_many.entries) with ordinality as x (entry, ord);
        select p.ord, p.problem into v_ord, v_problem from gendurable._letter_problem(v_letters) as p;
    end if;
    if v_problem is not null then
        perform gendurable._refuse('GD003', format('ord %s: %s', v_ord, v_problem),
                                   'Correct the entry and send the batch again; nothing of it was stored.');
    end if;

    return query select d.ord, d.result from gendurable._deliver(v_letters) as d;
end
$$;
comment on function public.gd_signal_many(jsonb) is 'Delivers many signals, all or none.';
