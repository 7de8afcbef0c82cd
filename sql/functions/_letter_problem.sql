-- Says what is wrong with the first bad one of some signals to be delivered; no row when all are good.
--
-- Locks: none. Writes: nothing.
create function gendurable._letter_problem(p_letters gendurable.letter[], out ord int, out code text, out problem text)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    select l.ord,
           case when l.name is null or (l.target is null and l.key is null) then 'GD001' else 'GD002' end,
           p.problem
    into ord, code, problem
    from unnest(p_letters) as l
    cross join lateral (
        select case
                   when l.target is null and l.key is null then 'target is required'
                   when l.name is null or l.name = '' then 'name is required'
                   when greatest(octet_length(l.key), octet_length(l.name), octet_length(l.dedup_key)) > 1000
                       then 'a name or key is longer than 1,000 bytes'
               end as problem
    ) as p
    where p.problem is not null
    order by l.ord
    limit 1;
end
$$;
comment on function gendurable._letter_problem(gendurable.letter[]) is 'The first signal that cannot be delivered, and why.';
