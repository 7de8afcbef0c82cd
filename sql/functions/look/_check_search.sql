-- Refuses a search that could answer nothing, or would never end.
--
-- Errors: GD002.
create function gendurable._check_search(p_statuses text[], p_most int, p_looks int) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wrong text[] := array(
        select s.status from unnest(p_statuses) as s (status)
        where coalesce(s.status not in ('runnable', 'executing', 'awaiting_signal',
                                        'awaiting_children', 'done', 'failed'), true));
begin
    if v_wrong <> '{}' then
        perform gendurable._refuse(
            'GD002', format('status is %s', gendurable._list(v_wrong)),
            'One of runnable, executing, awaiting_signal, awaiting_children, done, failed.');
    elsif p_most < 0 then
        perform gendurable._refuse('GD002', format('most is %s', p_most),
                                   'Ask for zero rows or more.');
    elsif p_looks < 1 then
        perform gendurable._refuse('GD002', format('looks is %s', p_looks),
                                   'Look at one instance or more.');
    end if;
end
$$;
comment on function gendurable._check_search(text[], int, int)
    is 'Refuses a search that could answer nothing, or would never end.';
