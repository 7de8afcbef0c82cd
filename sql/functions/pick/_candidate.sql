-- What a pick needs to know of an instance, and where its row is. It is inlined.
create function gendurable._candidate(p_instance gendurable.instances, p_place tid)
returns gendurable.candidate
language sql stable
return row((p_instance).id, (p_instance).priority, (p_instance).eligible_at,
           (p_instance).concurrency_key, (p_instance).rate_limit,
           (p_instance).correlation_scope is not null,
           (p_instance).signalled and (p_instance).awaits is not null,
           (p_instance).signalled or (p_instance).joined,
           gendurable._size_bound((p_instance).state)
           + gendurable._size_bound((p_instance).last_error), p_place)::gendurable.candidate;
comment on function gendurable._candidate(gendurable.instances, tid)
    is 'What a pick needs to know of an instance.';
